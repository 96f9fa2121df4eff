//! The code in `docs/sending.md`, in `docs/metrics.md` and in the pages of `docs/connecting`, compiled; what the latter show
//! as properties is read by `tests/tests/pages.rs`.

#[cfg(doctest)]
#[doc = include_str!("../../docs/sending.md")]
struct Sending;

macro_rules! pages {
    ($($page:ident: $file:literal,)*) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("../../docs/connecting/", $file))]
            struct $page;
        )*

        /// Each page with its text.
        pub const PAGES: &[(&str, &str)] = &[
            $(($file, include_str!(concat!("../../docs/connecting/", $file))),)*
        ];
    };
}

/// How a client is watched.
#[cfg(doctest)]
#[doc = include_str!("../../docs/metrics.md")]
struct Metrics;

pages! {
    Ways: "README.md",
    Plaintext: "plaintext.md",
    Tls: "tls.md",
    MutualTls: "mutual-tls.md",
    Plain: "sasl-plain.md",
    Scram: "sasl-scram.md",
    OAuthBearer: "sasl-oauthbearer.md",
    Gssapi: "sasl-gssapi.md",
    OwnMechanism: "own-mechanism.md",
    Proxy: "through-a-proxy.md",
}
