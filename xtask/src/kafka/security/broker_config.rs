//! The part of `server.properties` that makes a broker secure. Which listeners there are stands in `listener.rs`;
//! the lines common to every broker, in the file of all properties.

use super::kdc;
use super::layout::SecurityFolder;
use super::listener::{Listener, Tokens};
use super::tokens;
use super::users;
use crate::kafka::companion::Kind;
use crate::kafka::state::Cluster;

const MODULES: &str = "org.apache.kafka.common.security";

/// The lines, as keys and values.
pub fn properties(cluster: &Cluster, folder: &SecurityFolder) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    if cluster.listeners.is_empty() {
        return lines;
    }
    let mut add = |key: &str, value: String| lines.push((key.to_owned(), value));
    add("ssl.truststore.type", "PEM".into());
    add("ssl.truststore.location", folder.pki_file("ca.pem").display().to_string());
    add("ssl.principal.mapping.rules", "RULE:^CN=([^,]+).*$/$1/,DEFAULT".into());
    add("delegation.token.secret.key", "worth nothing outside of tests".into());
    for endpoint in &cluster.listeners {
        let listener = endpoint.listener;
        let prefix = format!("listener.name.{}", listener.kafka_name().to_lowercase());
        let mut add = |key: &str, value: String| lines.push((format!("{prefix}.{key}"), value));
        if let Some(certificate) = listener.certificate {
            add("ssl.keystore.type", "PEM".into());
            let store = folder.pki_file(&format!("{certificate}.store.pem"));
            add("ssl.keystore.location", store.display().to_string());
        }
        if listener.client_certificate {
            add("ssl.client.auth", "required".into());
        }
        let mechanisms = mechanisms(cluster, listener);
        if !mechanisms.is_empty() {
            add("sasl.enabled.mechanisms", mechanisms.join(","));
        }
        if mechanisms.contains(&"GSSAPI") {
            // Of the listener, not of the mechanism; `serviceName` in the JAAS line is not found.
            add("sasl.kerberos.service.name", kdc::SERVICE.into());
        }
        for mechanism in mechanisms {
            let prefix = format!("{prefix}.{}", mechanism.to_lowercase());
            let mut add = |key: &str, value: String| lines.push((format!("{prefix}.{key}"), value));
            login(&mut add, cluster, folder, listener, mechanism);
            if let Some(lifetime) = listener.session_lifetime_ms {
                add("connections.max.reauth.ms", lifetime.to_string());
            }
        }
    }
    lines
}

/// What the listener offers on this cluster: GSSAPI only with a KDC.
pub fn mechanisms(cluster: &Cluster, listener: &Listener) -> Vec<&'static str> {
    let kdc = cluster.companion_port(Kind::Kdc).is_some();
    listener.mechanisms.iter().copied().filter(|&mechanism| mechanism != "GSSAPI" || kdc).collect()
}

fn login(
    add: &mut dyn FnMut(&str, String),
    cluster: &Cluster,
    folder: &SecurityFolder,
    listener: &Listener,
    mechanism: &str,
) {
    let jaas = match mechanism {
        "PLAIN" => format!("{MODULES}.plain.PlainLoginModule required {};", users::plain_options()),
        "OAUTHBEARER" => {
            let module = format!("{MODULES}.oauthbearer.OAuthBearerLoginModule required");
            match listener.tokens {
                // The module logs in even where the broker only checks.
                Some(Tokens::Unsecured) => format!("{module} unsecuredLoginStringClaim_sub=\"broker\";"),
                _ => format!("{module};"),
            }
        }
        "GSSAPI" => kdc::broker_login(folder),
        _ => format!("{MODULES}.scram.ScramLoginModule required;"),
    };
    add("sasl.jaas.config", jaas);
    let port = cluster.companion_port(Kind::TokenServer);
    if let ("OAUTHBEARER", Some(port), true) = (mechanism, port, listener.uses_tokens()) {
        let jwks = match listener.tokens {
            Some(Tokens::JwksHttp) => tokens::jwks_url(port),
            _ => tokens::jwks_file_url(folder),
        };
        let handler = format!("{MODULES}.oauthbearer.OAuthBearerValidatorCallbackHandler");
        add("sasl.server.callback.handler.class", handler);
        add("sasl.oauthbearer.jwks.endpoint.url", jwks);
        add("sasl.oauthbearer.expected.audience", tokens::AUDIENCE.into());
        add("sasl.oauthbearer.expected.issuer", tokens::issuer(port));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::companion::Companion;
    use crate::kafka::state::Endpoint;
    use std::path::Path;

    fn cluster(names: &[&str], companions: Vec<Companion>) -> Cluster {
        let endpoint = |(name, port): (&&str, u16)| Endpoint {
            listener: Listener::named(name).expect("it is in the table"),
            port,
        };
        Cluster {
            name: "default".into(),
            release: "4.3.0".parse().expect("a release"),
            cluster_id: "0123456789abcdef01234A".into(),
            nodes: Vec::new(),
            listeners: names.iter().zip(9000..).map(endpoint).collect(),
            companions,
        }
    }

    #[track_caller]
    fn check(cluster: &Cluster, wanted: &[(&str, &str)], unwanted: &str) {
        let lines = properties(cluster, &SecurityFolder::new(Path::new("/c")));
        for &(key, value) in wanted {
            let found = lines.iter().find(|line| line.0 == key);
            assert_eq!(found.map(|line| line.1.as_str()), Some(value), "{key}");
        }
        assert!(!lines.iter().any(|line| line.0.contains(unwanted)), "{unwanted}");
    }

    #[test]
    fn a_tls_listener_shows_its_own_certificate() {
        let wanted = [
            ("listener.name.mtls.ssl.client.auth", "required"),
            ("listener.name.ssl_expired.ssl.keystore.location", "/c/security/pki/broker-expired.store.pem"),
        ];
        check(&cluster(&["mtls", "ssl-expired"], Vec::new()), &wanted, "sasl");
    }

    #[test]
    fn every_mechanism_of_a_listener_has_a_login_and_gssapi_goes_without_a_kdc() {
        let tokens = Companion { kind: Kind::TokenServer, port: 80 };
        let wanted = [
            (
                "listener.name.all_mechanisms.sasl.enabled.mechanisms",
                "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            ),
            (
                "listener.name.all_mechanisms.scram-sha-256.sasl.jaas.config",
                "org.apache.kafka.common.security.scram.ScramLoginModule required;",
            ),
            (
                "listener.name.all_mechanisms.oauthbearer.sasl.oauthbearer.expected.issuer",
                "http://localhost:80",
            ),
        ];
        check(&cluster(&["all-mechanisms"], vec![tokens]), &wanted, "gssapi");
    }

    #[test]
    fn short_sessions_are_set_for_every_mechanism() {
        let wanted = [
            ("listener.name.reauth.plain.connections.max.reauth.ms", "5000"),
            ("listener.name.reauth.oauthbearer.connections.max.reauth.ms", "5000"),
        ];
        check(&cluster(&["reauth"], Vec::new()), &wanted, "ssl.keystore");
    }
}
