//! The code in pages of `docs`, compiled; what they show as properties, and what they name, is checked by
//! `tests/tests/pages.rs`.

macro_rules! pages {
    ($($page:ident: $file:literal,)*) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("../../docs/", $file))]
            struct $page;
        )*

        /// Each page, by its place in `docs`, with its text.
        pub const PAGES: &[(&str, &str)] = &[
            $(($file, include_str!(concat!("../../docs/", $file))),)*
        ];
    };
}

pages! {
    Ways: "connecting/README.md",
    Plaintext: "connecting/plaintext.md",
    Tls: "connecting/tls.md",
    MutualTls: "connecting/mutual-tls.md",
    Plain: "connecting/sasl-plain.md",
    Scram: "connecting/sasl-scram.md",
    OAuthBearer: "connecting/sasl-oauthbearer.md",
    Gssapi: "connecting/sasl-gssapi.md",
    OwnMechanism: "connecting/own-mechanism.md",
    Proxy: "connecting/through-a-proxy.md",
    Guarantees: "guarantees.md",
    Metrics: "metrics.md",
    Sending: "sending.md",
    FromKafkaJs: "migrating/kafkajs.md",
    FromRdkafka: "migrating/rdkafka.md",
    FromJava: "migrating/java.md",
}
