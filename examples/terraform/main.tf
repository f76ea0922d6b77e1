# Intents by Terraform, with the provider Mastercard/restapi. docs/how-to/use-terraform.md explains the settings.

terraform {
  required_providers {
    restapi = {
      source  = "Mastercard/restapi"
      version = "~> 1.20"
    }
  }
}

variable "api" {
  type    = string
  default = "http://127.0.0.1:8080"
}

variable "token" {
  type      = string
  sensitive = true
}

provider "restapi" {
  uri                  = "${var.api}/api/v1"
  bearer_token         = var.token
  create_method        = "PUT"
  update_method        = "PUT"
  write_returns_object = false
}

resource "restapi_object" "clients" {
  path        = "/intents/Network/acme"
  create_path = "/intents/Network/acme/clients?owner=terraform"
  update_path = "/intents/Network/acme/clients?owner=terraform"
  object_id   = "clients"
  data = jsonencode({
    kind   = "Network"
    tenant = "acme"
    name   = "clients"
    spec = {
      subnets     = ["10.0.1.0/24"]
      gateways    = ["10.0.1.1"]
      attachments = [{ switch = "leaf1", port = 1 }]
    }
  })
}

resource "restapi_object" "no_telnet" {
  path        = "/intents/FirewallPolicy/acme"
  create_path = "/intents/FirewallPolicy/acme/no-telnet?owner=terraform"
  update_path = "/intents/FirewallPolicy/acme/no-telnet?owner=terraform"
  object_id   = "no-telnet"
  data = jsonencode({
    kind   = "FirewallPolicy"
    tenant = "acme"
    name   = "no-telnet"
    spec = {
      rules = [{ name = "telnet", action = "deny", from = { network = "clients" }, protocol = "tcp", ports = [23] }]
    }
  })
  # A policy names networks: it comes after them and goes before them.
  depends_on = [restapi_object.clients]
}
