"""What the API answers, and what it is asked, as values: one model for who writes it and who reads it.

These modules know JSON, and neither the fabric nor HTTP: a client has nothing else of the controller.
"""
