//! Every way into a cluster: the listener, what is shown there, and the path that leads there.

use ottla_client::sasl::{OAuthBearer, Plain, Scram, ScramMechanism, UnsecuredToken};
use ottla_client::{Client, ClientBuilder, HttpConnectConnector, Socks5Connector, TcpConnector, TlsConfig};
use ottla_tests::proxies::{self, Kind, Proxy};
use ottla_tests::secured::{Door, Secured};
use std::fmt;

/// One way in.
#[derive(Clone, Debug)]
pub struct Way {
    /// The listener.
    pub door: String,
    /// `none`, or the mechanism.
    pub login: String,
    /// Through which kind of proxy, if any.
    pub proxy: Option<Kind>,
}

/// A proxy of each kind.
pub struct Proxies {
    pub socks5: Proxy,
    pub http_connect: Proxy,
}

impl Proxies {
    pub async fn start() -> Self {
        Self { socks5: Proxy::start(Kind::Socks5).await, http_connect: Proxy::start(Kind::HttpConnect).await }
    }
}

impl Way {
    /// All that a cluster has.
    pub fn all(cluster: &Secured) -> Vec<Way> {
        let mut ways = Vec::new();
        for (name, door) in cluster.doors.iter().filter(|(_, door)| door.is_good) {
            let none = vec!["none".to_owned()];
            let logins = if door.mechanisms.is_empty() { &none } else { &door.mechanisms };
            for login in logins.iter().filter(|login| *login != "GSSAPI") {
                for proxy in [None, Some(Kind::Socks5), Some(Kind::HttpConnect)] {
                    ways.push(Way { door: name.clone(), login: login.clone(), proxy });
                }
            }
        }
        ways
    }

    /// The same as a file of properties; `None` if they have no words for it.
    pub fn properties(&self, cluster: &Secured) -> Option<String> {
        let door = cluster.door(&self.door);
        let module = "org.apache.kafka.common.security";
        let password = |class: &str| {
            let password = cluster.password(&self.login);
            format!("{module}.{class} required username=\"alice\" password=\"{password}\";")
        };
        let jaas = match self.login.as_str() {
            _ if self.proxy.is_some() => return None,
            "none" => None,
            "PLAIN" => Some(password("plain.PlainLoginModule")),
            "OAUTHBEARER" if door.tokens.as_deref() == Some("unsecured") => Some(format!(
                "{module}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"alice\";"
            )),
            "OAUTHBEARER" => return None,
            _ => Some(password("scram.ScramLoginModule")),
        };
        let mut text = format!(
            "bootstrap.servers={}\nsecurity.protocol={}\n",
            door.bootstrap_servers, door.security_protocol
        );
        if let Some(jaas) = jaas {
            text += &format!("sasl.mechanism={}\nsasl.jaas.config={jaas}\n", self.login);
        }
        if door.is_tls() {
            text += &format!("ssl.ca.location={}\n", cluster.tls.ca.display());
        }
        if door.wants_client_certificate {
            let (certificate, key) = &cluster.tls.clients["client"];
            text += &format!(
                "ssl.certificate.location={}\nssl.key.location={}\n",
                certificate.display(),
                key.display()
            );
        }
        Some(text)
    }

    /// A client that goes this way.
    pub fn builder(&self, cluster: &Secured, proxies: &Proxies) -> ClientBuilder {
        let door = cluster.door(&self.door);
        let builder = log_in(Client::builder(&door.bootstrap_servers), cluster, door, &self.login);
        let builder = if door.is_tls() { builder.tls(tls(cluster, door)) } else { builder };
        let tcp = TcpConnector::default();
        match self.proxy {
            None => builder,
            Some(Kind::Socks5) => builder.connector(
                Socks5Connector::new(tcp, "127.0.0.1", proxies.socks5.port())
                    .with_credentials(proxies::USER, proxies::PASSWORD)
                    .expect("credentials"),
            ),
            Some(Kind::HttpConnect) => builder.connector(
                HttpConnectConnector::new(tcp, "127.0.0.1", proxies.http_connect.port())
                    .with_credentials(proxies::USER, proxies::PASSWORD)
                    .expect("credentials"),
            ),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match self.proxy {
            None => "direct",
            Some(Kind::Socks5) => "SOCKS5",
            Some(Kind::HttpConnect) => "HTTP CONNECT",
        };
        write!(f, "{:20} {:14} {path:12}", self.door, self.login)
    }
}

fn tls(cluster: &Secured, door: &Door) -> TlsConfig {
    let mut builder = TlsConfig::builder().ca_location(&cluster.tls.ca);
    if door.wants_client_certificate {
        let (certificate, key) = &cluster.tls.clients["client"];
        builder = builder.certificate_location(certificate).key_location(key);
    }
    builder.build().expect("good certificates")
}

fn log_in(builder: ClientBuilder, cluster: &Secured, door: &Door, mechanism: &str) -> ClientBuilder {
    let scram =
        |mechanism, name| Scram::new(mechanism, "alice", cluster.password(name)).expect("credentials");
    match mechanism {
        "none" => builder,
        "PLAIN" => builder.sasl(Plain::new("alice", cluster.password("PLAIN")).expect("credentials")),
        "SCRAM-SHA-256" => builder.sasl(scram(ScramMechanism::Sha256, mechanism)),
        "SCRAM-SHA-512" => builder.sasl(scram(ScramMechanism::Sha512, mechanism)),
        "OAUTHBEARER" if door.tokens.as_deref() == Some("unsecured") => {
            builder.sasl(OAuthBearer::unsecured(UnsecuredToken::new("alice").expect("a principal")))
        }
        "OAUTHBEARER" => builder.sasl(OAuthBearer::new(&cluster.tokens["token"]).expect("a token")),
        other => panic!("no mechanism {other}"),
    }
}
