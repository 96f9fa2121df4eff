//! Every way into a cluster, and every way to be refused: on a real Apache Kafka and on the test broker.

#[cfg(feature = "gssapi")]
#[path = "security/kerberos.rs"]
mod kerberos;
#[path = "security/reauthentication.rs"]
mod reauthentication;
#[path = "security/refusals.rs"]
mod refusals;
#[path = "security/table.rs"]
mod table;
#[path = "security/tokens.rs"]
mod tokens;
#[path = "security/ways.rs"]
mod ways;
#[path = "security/withdrawn.rs"]
mod withdrawn;
