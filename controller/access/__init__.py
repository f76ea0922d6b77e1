"""Who may do what: principals and how they show who they are, what each sees, and what was done by whom."""

from p4fabric.controller.access.access import Access
from p4fabric.controller.access.errors import Forbidden, errors_for
from p4fabric.controller.access.tenant_view import TenantView
from p4fabric.controller.principals import Principal, Role, Source

__all__ = ["Access", "Forbidden", "Principal", "Role", "Source", "TenantView", "errors_for"]
