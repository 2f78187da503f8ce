"""Where effects happen: git, forges, Terraform, Pulumi. No edge decides anything, or imports another edge."""
