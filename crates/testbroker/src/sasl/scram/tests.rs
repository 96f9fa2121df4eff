//! The exchange against the example of RFC 7677 and against what Apache Kafka's classes wrote (`kafka.jsonl`).

use serde_json::Value;

use super::*;
use crate::sasl::{Authority, DelegationToken, SaslConfig};

const NOW: i64 = 1_700_000_000_000;

struct Login {
    authority: Authority,
    random: Random,
    exchange: ScramExchange,
}

impl Login {
    fn new(mechanism: ScramMechanism, config: &SaslConfig) -> Self {
        let (authority, random) = (Authority::new(config, 7), Authority::random(7));
        Self { authority, random, exchange: ScramExchange::new(mechanism) }
    }

    fn around(&mut self) -> (&mut ScramExchange, Surroundings<'_>) {
        let Self { authority, random, exchange } = self;
        (exchange, Surroundings { authority, random, now_unix_ms: NOW })
    }

    /// A first message, with the server's part of the nonce chosen.
    fn first(&mut self, token: &str, server_nonce: &str) -> Result<String, Refusal> {
        let (exchange, around) = self.around();
        match exchange.on_first(token.as_bytes(), &around, server_nonce)? {
            Step::Continue(answer) => Ok(String::from_utf8_lossy(&answer).into_owned()),
            Step::Done(..) => panic!("too early"),
        }
    }

    fn last(&mut self, token: &str) -> Result<(String, Identity), Refusal> {
        let (exchange, mut around) = self.around();
        match exchange.on_token(token.as_bytes(), &mut around)? {
            Step::Done(answer, identity) => Ok((String::from_utf8_lossy(&answer).into_owned(), identity)),
            Step::Continue(_) => panic!("it should be over"),
        }
    }
}

fn example() -> Login {
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
    let credential = ScramCredential::new(ScramMechanism::Sha256, "pencil", &salt, 4096);
    let config = SaslConfig::new().scram_credential(ScramMechanism::Sha256, "user", credential);
    Login::new(ScramMechanism::Sha256, &config)
}

const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const LAST: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

#[test]
fn the_example_of_rfc_7677() {
    let mut login = example();
    let answer = login.first(FIRST, SERVER_NONCE).expect("a challenge");
    assert_eq!(
        answer,
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let (answer, identity) = login.last(LAST).expect("it is the example");
    assert_eq!(answer, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    assert_eq!((&identity.name[..], identity.expires_unix_ms), ("user", None));
}

#[test]
fn a_final_message_that_differs_in_anything_is_refused() {
    for (from, to) in [
        ("c=biws", "c=eSws"),
        ("rOprNGfwEbeRWgbNEkqO%", "rOprNGfwEbeRWgbNEkqP%"),
        // A client that repeats its own nonce behind the server's.
        ("$k0,", "$k0rOprNGfwEbeRWgbNEkqO,"),
        ("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", ""),
        ("p=dHzb", "p=dHzc"),
        ("p=dHzb", "p="),
        ("NEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,", "NEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,x=1,"),
    ] {
        let mut login = example();
        login.first(FIRST, SERVER_NONCE).expect("a challenge");
        let last = LAST.replacen(from, to, 1);
        assert_ne!(last, LAST);
        assert!(matches!(login.last(&last), Err(Refusal::Credentials(_))), "{last}");
    }
}

#[test]
fn a_user_is_told_apart_from_nobody_only_by_the_server() {
    assert!(matches!(example().first("n,,n=nobody,r=x", "y"), Err(Refusal::Credentials(_))));
    assert!(example().first("n,a=user,n=user,r=x", "y").is_ok());
    assert_eq!(example().first("n,a=root,n=user,r=x", "y"), Err(Refusal::Told(OTHER_IDENTITY.to_owned())));
}

#[test]
fn nonces_come_from_the_seed_and_differ() {
    let challenge = |login: &mut Login| {
        let (exchange, mut around) = login.around();
        exchange.on_token(FIRST.as_bytes(), &mut around).expect("a challenge")
    };
    let (mut one, mut other) = (example(), example());
    let first = challenge(&mut one);
    assert_eq!(first, challenge(&mut other));
    one.exchange = ScramExchange::new(ScramMechanism::Sha256);
    assert_ne!(first, challenge(&mut one));
}

#[test]
fn a_delegation_token_logs_its_owner_in_until_it_expires() {
    let logs_in = |expires| {
        let token = DelegationToken::new("id", "aG1hYw==", "alice").expires_unix_ms(expires);
        let config =
            SaslConfig::new().scram_user(ScramMechanism::Sha512, "id", "other").delegation_token(token);
        let mut login = Login::new(ScramMechanism::Sha512, &config);
        let answer = login.first("n,,n=id,r=abc,tokenauth=true", "def")?;
        let salt = answer.split(',').nth(1).and_then(|salt| salt.strip_prefix("s=")).expect("a salt");
        let salt = STANDARD.decode(salt).expect("base64");
        let proof = proof(
            ScramMechanism::Sha512,
            "aG1hYw==",
            &salt,
            4096,
            &format!("n=id,r=abc,tokenauth=true,{answer},c=biws,r=abcdef"),
        );
        login.last(&format!("c=biws,r=abcdef,p={proof}"))
    };
    let (_, identity) = logs_in(NOW + 1).expect("in time");
    assert_eq!((&identity.name[..], identity.expires_unix_ms), ("alice", Some(NOW + 1)));
    assert_eq!(identity.extensions["tokenauth"], "true");
    assert!(logs_in(NOW).is_err());
}

/// What a client sends, straight from the RFC's formulas.
fn proof(mechanism: ScramMechanism, password: &str, salt: &[u8], iterations: u32, signed: &str) -> String {
    let salted = mechanism.salted_password(password.as_bytes(), salt, iterations);
    let client_key = mechanism.hmac(&salted, b"Client Key");
    let signature = mechanism.hmac(&mechanism.hash(&client_key), signed.as_bytes());
    STANDARD.encode(client_key.iter().zip(signature).map(|(key, sign)| key ^ sign).collect::<Vec<_>>())
}

#[test]
fn what_kafka_wrote_is_answered_as_kafka_answered_it() {
    let mut seen = 0;
    for line in include_str!("kafka.jsonl").lines() {
        let exchange: Value = serde_json::from_str(line).expect("JSON");
        let text = |key: &str| exchange[key].as_str().unwrap_or_else(|| panic!("no {key}")).to_owned();
        let mechanism = match &text("mechanism")[..] {
            "SCRAM-SHA-256" => ScramMechanism::Sha256,
            "SCRAM-SHA-512" => ScramMechanism::Sha512,
            other => panic!("{other}"),
        };
        let iterations = exchange["iterations"].as_u64().expect("a number") as u32;
        let credential = ScramCredential::new(mechanism, &text("password"), &hex(&text("salt")), iterations);
        assert_eq!(credential.stored_key, hex(&text("storedKey")));
        assert_eq!(credential.server_key, hex(&text("serverKey")));
        let config = SaslConfig::new().scram_credential(mechanism, &text("user"), credential);
        let mut login = Login::new(mechanism, &config);
        let server_first = login.first(&text("clientFirst"), &text("serverNonce")).expect("a challenge");
        assert_eq!(server_first, text("serverFirst"));
        let (server_final, identity) = login.last(&text("clientFinal")).expect("the password");
        assert_eq!((server_final, identity.name), (text("serverFinal"), text("user")));
        seen += 1;
    }
    assert_eq!(seen, 16);
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("a byte");
    (0..text.len()).step_by(2).map(byte).collect()
}
