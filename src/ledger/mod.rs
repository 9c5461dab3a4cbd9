//! The audit log's writer: records in sled, RFC 6962 tree, checkpoints, and its client.
