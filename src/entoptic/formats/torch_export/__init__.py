"""Archives of torch.export, read without running code."""
