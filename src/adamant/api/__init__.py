"""The protobuf contract of a node, the table of its methods, and the client."""
