//! Lines of the file `misc` about SCRAM: exchanges that Kafka's classes had with themselves. Our client takes the place of
//! theirs, with their nonce, and must say the same; their server's signature must satisfy it, and no other may.

use bytes::Bytes;
use ottla_core::sasl::{Exchange, SaslErrorKind, Scram, ScramMechanism, Step};
use serde_json::Value;

use super::{same, text_field};

/// Whether [`check`] knows this line's kind.
#[must_use]
pub fn handles(line: &Value) -> bool {
    line["kind"] == "scram"
}

/// Checks a line.
///
/// # Errors
/// The difference to Apache Kafka.
pub fn check(line: &Value) -> Result<(), String> {
    let (first, last) = (text_field(line, "serverFirst")?, text_field(line, "serverFinal")?);
    let mut exchange = exchange_of(line)?;
    says(&mut *exchange, None, "client first", text_field(line, "clientFirst")?)?;
    says(&mut *exchange, Some(first), "client final", text_field(line, "clientFinal")?)?;
    same("outcome", exchange.next(Some(last.as_bytes())), Ok(Step::Done))?;

    let mut exchange = exchange_of(line)?;
    let steps = [None, Some(first.as_bytes())];
    steps
        .into_iter()
        .try_for_each(|step| exchange.next(step).map(drop))
        .map_err(|error| error.to_string())?;
    let outcome = exchange.next(Some(other_signature(last).as_bytes())).map_err(|error| error.kind());
    same("outcome of another signature", outcome, Err(SaslErrorKind::WrongServerSignature))
}

fn exchange_of(line: &Value) -> Result<Box<dyn Exchange>, String> {
    let name = text_field(line, "mechanism")?;
    let mechanisms = [ScramMechanism::Sha256, ScramMechanism::Sha512];
    let mechanism = mechanisms.into_iter().find(|mechanism| mechanism.name() == name);
    let mechanism = mechanism.ok_or_else(|| format!("no such mechanism: {name}"))?;
    let (user, password) = (text_field(line, "user")?, text_field(line, "password")?);
    let scram = Scram::new(mechanism, user, password).map_err(|error| error.to_string())?;
    scram.replay(text_field(line, "clientNonce")?).map_err(|error| error.to_string())
}

fn says(
    exchange: &mut dyn Exchange,
    challenge: Option<&str>,
    what: &str,
    kafkas: &str,
) -> Result<(), String> {
    match exchange.next(challenge.map(str::as_bytes)) {
        Ok(Step::Respond(message)) => same(what, message, Bytes::copy_from_slice(kafkas.as_bytes())),
        step => Err(format!("{what}: {step:?}")),
    }
}

/// With another first character, which is six bits of the signature.
fn other_signature(server_final: &str) -> String {
    let first = if server_final.starts_with("v=A") { "v=B" } else { "v=A" };
    format!("{first}{}", server_final.get(3..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_checks_of_scram_can_fail() {
        // RFC 7677, section 3.
        let line = json!({
            "kind": "scram",
            "mechanism": "SCRAM-SHA-256",
            "user": "user",
            "password": "pencil",
            "clientNonce": "rOprNGfwEbeRWgbNEkqO",
            "clientFirst": "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "serverFirst":
                "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "clientFinal": "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "serverFinal": "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        });
        assert_eq!(check(&line), Ok(()));
        for (field, wrong) in [
            ("password", "pen"),
            ("mechanism", "SCRAM-SHA-512"),
            ("clientFirst", "n,,n=user,r=x"),
            ("clientFinal", "c=biws"),
            ("serverFinal", "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
        ] {
            let mut line = line.clone();
            line[field] = json!(wrong);
            assert!(check(&line).is_err(), "{field}");
        }
    }
}
