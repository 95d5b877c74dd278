"""gRPC in, gRPC out: the only place that knows grpc and protobuf."""
