//! Client of a schema registry, and serdes for Avro, Protobuf and JSON Schema.
//!
//! Nothing is here yet; the crate holds its place in the layers (`docs/architecture.md`).
