//! Admin operations on an Apache Kafka cluster: topics, groups, configs, ACLs and the rest of Java's `Admin`.
//!
//! Listing topics is what is here yet.
//!
//! ```no_run
//! # async fn example() -> Result<(), ottla_client::ClientError> {
//! let client = ottla_client::Client::builder("localhost:9092").connect().await?;
//! for topic in ottla_admin::Admin::new(&client).list_topics().await? {
//!     println!("{}", topic.name);
//! }
//! # Ok(())
//! # }
//! ```

mod topics;

use ottla_client::Client;

pub use topics::TopicListing;

/// Admin operations on a client's cluster; cheap to clone.
#[derive(Clone, Debug)]
pub struct Admin {
    client: Client,
}

impl Admin {
    /// On this client's cluster.
    pub fn new(client: &Client) -> Self {
        Self { client: client.clone() }
    }
}
