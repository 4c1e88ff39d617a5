"""Model servers: decoding, dialects, errors, and the client against real sockets."""
