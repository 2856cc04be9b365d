"""DVC's remote on S3: checks, bucket set-up and presigned links. DVC is not imported; its files are parsed."""
