//! Every way into a cluster, as a table.

use ottla_client::sasl::{OAuthBearer, Plain, Scram, ScramMechanism, UnsecuredToken};
use ottla_client::{Client, ClientBuilder};
use ottla_tests::secured::{Door, Secured};

/// One way in: a listener and what is shown there.
#[derive(Clone, Debug)]
pub struct Way {
    /// The listener.
    pub door: String,
    /// `none`, or the mechanism with the kind of token.
    pub login: String,
}

impl Way {
    /// All that a cluster has through good doors.
    pub fn all(cluster: &Secured) -> Vec<Way> {
        let mut ways = Vec::new();
        for (name, door) in &cluster.doors {
            if door.is_tls() {
                continue;
            }
            let way = |login: &str| Way { door: name.clone(), login: login.to_owned() };
            if door.mechanisms.is_empty() {
                ways.push(way("none"));
            }
            ways.extend(door.mechanisms.iter().filter(|name| *name != "GSSAPI").map(|name| way(name)));
        }
        ways
    }

    /// A client that goes this way.
    pub fn builder(&self, cluster: &Secured) -> ClientBuilder {
        let door = cluster.door(&self.door);
        log_in(Client::builder(&door.bootstrap_servers), cluster, door, &self.login)
    }
}

fn log_in(builder: ClientBuilder, cluster: &Secured, door: &Door, mechanism: &str) -> ClientBuilder {
    let password = || cluster.password(mechanism);
    match mechanism {
        "none" => builder,
        "PLAIN" => builder.sasl(Plain::new("alice", password()).expect("credentials")),
        "SCRAM-SHA-256" => {
            builder.sasl(Scram::new(ScramMechanism::Sha256, "alice", password()).expect("credentials"))
        }
        "SCRAM-SHA-512" => {
            builder.sasl(Scram::new(ScramMechanism::Sha512, "alice", password()).expect("credentials"))
        }
        "OAUTHBEARER" if door.tokens.as_deref() == Some("unsecured") => {
            builder.sasl(OAuthBearer::unsecured(UnsecuredToken::new("alice").expect("a principal")))
        }
        "OAUTHBEARER" => builder.sasl(OAuthBearer::new(&cluster.tokens["token"]).expect("a token")),
        other => panic!("no mechanism {other}"),
    }
}
