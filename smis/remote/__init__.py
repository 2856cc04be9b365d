"""DVC's remote on S3: what DVC itself does not do. Nothing here imports DVC: its files say what must be there."""
