"""The SPP detector as a torch network: backbone, proposals, spatial pyramid pooling, heads, losses, decoding."""
