# Where the state is kept is CI's business: init with -backend-config=path=<file>.
#
# There is no .terraform.lock.hcl here, on purpose: written from a provider mirror it would hold the
# checksums of one platform only, and init would fail on every other. In your own repository commit one
# (terraform providers lock -platform=linux_amd64 -platform=darwin_arm64 …); here the version is pinned below.

terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  backend "local" {}
}

provider "aws" {
  region = var.aws_region

  # Only a stand-in for AWS is asked nothing about who we are and where.
  skip_credentials_validation = var.endpoint != ""
  skip_metadata_api_check     = var.endpoint != ""
  skip_region_validation      = var.endpoint != ""
  skip_requesting_account_id  = var.endpoint != ""

  dynamic "endpoints" {
    for_each = var.endpoint == "" ? [] : [var.endpoint]
    content {
      autoscaling = endpoints.value
      ec2         = endpoints.value
      eks         = endpoints.value
      iam         = endpoints.value
      sts         = endpoints.value
    }
  }
}
