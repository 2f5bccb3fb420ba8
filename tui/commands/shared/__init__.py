"""What several commands need: configuration and store, output, secret input, the HTTP endpoint."""
