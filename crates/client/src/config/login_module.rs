//! The login modules of `sasl.jaas.config` that have a meaning here.

use std::path::PathBuf;
use std::time::Duration;

use super::jaas::{self, LoginEntry};
use super::password::Password;
use super::suggestion;

/// What a login module and its options say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginModule {
    /// `PlainLoginModule`.
    Plain {
        /// `username`.
        username: String,
        /// `password`.
        password: Password,
    },
    /// `ScramLoginModule`.
    Scram {
        /// `username`, or a delegation token's id.
        username: String,
        /// `password`, or the token's HMAC.
        password: Password,
        /// `tokenauth`: it is a delegation token (KIP-48).
        is_delegation_token: bool,
    },
    /// `OAuthBearerLoginModule`.
    OAuthBearer(OAuthBearerOptions),
    /// `Krb5LoginModule`.
    Kerberos(KerberosOptions),
}

/// Options of `OAuthBearerLoginModule`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuthBearerOptions {
    /// `clientId`; the key of its own comes before it.
    pub client_id: Option<String>,
    /// `clientSecret`.
    pub client_secret: Option<Password>,
    /// `scope`.
    pub scope: Option<String>,
    /// `extension_*` (KIP-342).
    pub extensions: Vec<(String, String)>,
    /// `unsecuredLogin*`: a token that nobody signed.
    pub unsecured: Option<UnsecuredOptions>,
}

/// A token that nobody signed, for development.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnsecuredOptions {
    /// Whose token it is.
    pub principal: String,
    /// Its scopes, separated by blanks.
    pub scope: Option<String>,
    /// How long it is good for.
    pub lifetime: Duration,
}

impl UnsecuredOptions {
    /// For this principal, and an hour.
    pub fn new(principal: impl Into<String>) -> Self {
        Self { principal: principal.into(), scope: None, lifetime: Duration::from_secs(3600) }
    }
}

/// Options of `Krb5LoginModule`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KerberosOptions {
    /// `keyTab`, where `useKeyTab` is true.
    pub keytab: Option<PathBuf>,
    /// `principal`.
    pub principal: Option<String>,
    /// `useTicketCache`.
    pub use_ticket_cache: bool,
    /// `ticketCache`; the usual one if it is not given.
    pub ticket_cache: Option<PathBuf>,
    /// `serviceName`; the key `sasl.kerberos.service.name` comes before it.
    pub service_name: Option<String>,
}

const PLAIN: &[&str] = &["username", "password"];
const SCRAM: &[&str] = &["username", "password", "tokenauth"];
const OAUTH_BEARER: &[&str] = &[
    "clientId",
    "clientSecret",
    "scope",
    "unsecuredLoginPrincipalClaimName",
    "unsecuredLoginLifetimeSeconds",
    "unsecuredLoginScopeClaimName",
];
const KERBEROS: &[&str] =
    &["keyTab", "useKeyTab", "principal", "useTicketCache", "ticketCache", "serviceName"];
/// Options that only tell Java's class how to do its work.
const KERBEROS_IDLE: &[&str] = &[
    "storeKey",
    "doNotPrompt",
    "renewTGT",
    "refreshKrb5Config",
    "isInitiator",
    "debug",
    "useFirstPass",
    "tryFirstPass",
    "storePass",
    "clearPass",
];

impl LoginModule {
    /// Reads the value of `sasl.jaas.config`.
    ///
    /// # Errors
    /// What is wrong; nothing of the text but the module's class and known names is in it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let entry = jaas::parse(text)?;
        let class = entry.module.clone();
        match class.rsplit('.').next().unwrap_or_default() {
            "PlainLoginModule" => plain(entry),
            "ScramLoginModule" => scram(entry),
            "OAuthBearerLoginModule" => oauth_bearer(entry),
            "Krb5LoginModule" => kerberos(entry),
            _ => Err(format!(
                "unknown login module, known are PlainLoginModule, ScramLoginModule, OAuthBearerLoginModule and \
                 Krb5LoginModule: {class}"
            )),
        }
    }

    /// Java's name of it, without the package.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PlainLoginModule",
            Self::Scram { .. } => "ScramLoginModule",
            Self::OAuthBearer(_) => "OAuthBearerLoginModule",
            Self::Kerberos(_) => "Krb5LoginModule",
        }
    }
}

/// Options that are taken out one by one; the later of two holds, as in Java.
struct Options {
    module: String,
    options: Vec<(String, Password)>,
}

impl Options {
    /// Refuses options that the module does not have.
    fn new(entry: LoginEntry, known: &[&str], known_start: &[&str]) -> Result<Self, String> {
        let module = entry.module.rsplit('.').next().unwrap_or_default().to_owned();
        for (index, (name, _)) in entry.options.iter().enumerate() {
            if known.contains(&name.as_str()) || known_start.iter().any(|start| name.starts_with(start)) {
                continue;
            }
            // The name itself may be a part of a password whose quotes are wrong.
            let number = index + 1;
            return Err(match suggestion::nearest(name, known.iter().copied()) {
                Some(near) => format!("option {number} is not one of {module}, did you mean {near}?"),
                None => format!("option {number} is not one of {module}, which has {}", known.join(", ")),
            });
        }
        Ok(Self { module, options: entry.options })
    }

    fn take(&mut self, name: &str) -> Option<Password> {
        let index = self.options.iter().rposition(|(other, _)| other == name)?;
        Some(self.options.swap_remove(index).1)
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.take(name).map(|value| value.expose().to_owned())
    }

    fn required(&mut self, name: &str) -> Result<Password, String> {
        match self.take(name) {
            Some(value) if !value.expose().is_empty() => Ok(value),
            Some(_) => Err(format!("the option {name} of {} is empty", self.module)),
            None => Err(format!("{} needs the option {name}", self.module)),
        }
    }

    /// As Java reads booleans here: anything but `true` is false.
    fn flag(&mut self, name: &str) -> bool {
        self.take(name).is_some_and(|value| value.expose().eq_ignore_ascii_case("true"))
    }

    /// Those with this start, without it.
    fn starting(&self, start: &str) -> Vec<(String, String)> {
        let named = self.options.iter().filter_map(|(name, value)| Some((name.strip_prefix(start)?, value)));
        named.map(|(name, value)| (name.to_owned(), value.expose().to_owned())).collect()
    }
}

/// `user_*` are users that a broker knows, in files that broker and client share.
fn plain(entry: LoginEntry) -> Result<LoginModule, String> {
    let mut options = Options::new(entry, PLAIN, &["user_"])?;
    let username = options.required("username")?.expose().to_owned();
    Ok(LoginModule::Plain { username, password: options.required("password")? })
}

fn scram(entry: LoginEntry) -> Result<LoginModule, String> {
    let mut options = Options::new(entry, SCRAM, &[])?;
    let username = options.required("username")?.expose().to_owned();
    let password = options.required("password")?;
    Ok(LoginModule::Scram { username, password, is_delegation_token: options.flag("tokenauth") })
}

fn oauth_bearer(entry: LoginEntry) -> Result<LoginModule, String> {
    const STARTS: &[&str] = &["extension_", "unsecuredLogin", "ssl.", "unsecuredValidator"];
    let mut options = Options::new(entry, OAUTH_BEARER, STARTS)?;
    Ok(LoginModule::OAuthBearer(OAuthBearerOptions {
        client_id: options.text("clientId"),
        client_secret: options.take("clientSecret"),
        scope: options.text("scope"),
        extensions: options.starting("extension_"),
        unsecured: unsecured(&mut options)?,
    }))
}

/// The claims of a token that nobody signed; `None` if there are no such options.
fn unsecured(options: &mut Options) -> Result<Option<UnsecuredOptions>, String> {
    let principal_claim =
        options.text("unsecuredLoginPrincipalClaimName").unwrap_or_else(|| "sub".to_owned());
    let scope_claim = options.text("unsecuredLoginScopeClaimName").unwrap_or_else(|| "scope".to_owned());
    let lifetime = options.text("unsecuredLoginLifetimeSeconds");
    let mut claims = options.starting("unsecuredLoginStringClaim_");
    for (name, value) in options.starting("unsecuredLoginListClaim_") {
        // The first character separates the items.
        let separator = value.chars().next().unwrap_or(' ');
        let items: Vec<&str> = value.split(separator).filter(|item| !item.is_empty()).collect();
        claims.push((name, items.join(" ")));
    }
    if claims.is_empty() {
        return Ok(None);
    }
    let mut take = |claim: &str| {
        let index = claims.iter().rposition(|(name, _)| name == claim)?;
        Some(claims.swap_remove(index).1)
    };
    let Some(principal) = take(&principal_claim) else {
        return Err("OAuthBearerLoginModule needs the option unsecuredLoginStringClaim_sub".to_owned());
    };
    let mut unsecured = UnsecuredOptions::new(principal);
    unsecured.scope = take(&scope_claim);
    if let Some(seconds) = lifetime {
        let seconds =
            seconds.trim().parse::<u32>().map_err(|_| "unsecuredLoginLifetimeSeconds is no number")?;
        unsecured.lifetime = Duration::from_secs(seconds.into());
    }
    if !claims.is_empty() || !options.starting("unsecuredLoginNumberClaim_").is_empty() {
        return Err(
            "a token that nobody signed can have the principal and the scope as claims, no others".to_owned()
        );
    }
    Ok(Some(unsecured))
}

fn kerberos(entry: LoginEntry) -> Result<LoginModule, String> {
    let known: Vec<&str> = KERBEROS.iter().chain(KERBEROS_IDLE).copied().collect();
    let mut options = Options::new(entry, &known, &[])?;
    let keytab = options.text("keyTab").map(PathBuf::from);
    let keytab = if options.flag("useKeyTab") { keytab } else { None };
    let kerberos = KerberosOptions {
        keytab,
        principal: options.text("principal"),
        use_ticket_cache: options.flag("useTicketCache"),
        ticket_cache: options.text("ticketCache").map(PathBuf::from),
        service_name: options.text("serviceName"),
    };
    if kerberos.keytab.is_some() && kerberos.principal.is_none() {
        return Err("Krb5LoginModule needs the option principal beside keyTab".to_owned());
    }
    Ok(LoginModule::Kerberos(kerberos))
}

#[cfg(test)]
mod tests;
