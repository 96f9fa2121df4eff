//! Exchanges from the RFCs, and servers that must not be trusted.

use super::*;
use crate::random::Entropy;
use crate::sasl::mechanism::assert_ends_in_misuse;
use crate::time::Now;

const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
/// RFC 7677, section 3, for user `user` and password `pencil`.
const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn user() -> Scram {
    Scram::new(ScramMechanism::Sha256, "user", "pencil").expect("credentials")
}

fn opened(scram: &Scram, nonce: &str) -> (Box<dyn Exchange>, String) {
    let mut exchange = scram.replay(nonce).expect("a nonce");
    let opening = text(exchange.next(None));
    (exchange, opening)
}

fn text(step: Result<Step, SaslError>) -> String {
    match step {
        Ok(Step::Respond(message)) => String::from_utf8(message.to_vec()).expect("it is text"),
        step => panic!("nothing to send: {step:?}"),
    }
}

/// What comes of the exchange of RFC 7677 when the server says this instead.
fn kind_after(server_first: &str, server_final: &str) -> Option<SaslErrorKind> {
    let (mut exchange, _) = opened(&user(), NONCE);
    let step = match exchange.next(Some(server_first.as_bytes())) {
        Ok(_) => exchange.next(Some(server_final.as_bytes())),
        error => error,
    };
    let kind = step.err().map(|error| error.kind());
    if kind.is_some() {
        let after = exchange.next(Some(SERVER_FINAL.as_bytes())).expect_err("it is over");
        assert_eq!(after.kind(), SaslErrorKind::Misuse, "an error ends the exchange");
    }
    kind
}

#[test]
fn the_exchange_of_rfc_7677_is_ours() {
    let (mut exchange, opening) = opened(&user(), NONCE);
    assert_eq!(opening, CLIENT_FIRST);
    assert_eq!(text(exchange.next(Some(SERVER_FIRST.as_bytes()))), CLIENT_FINAL);
    assert_eq!(exchange.next(Some(SERVER_FINAL.as_bytes())), Ok(Step::Done));
}

#[test]
fn the_name_is_escaped_and_a_delegation_token_is_marked() {
    let check = |scram: Result<Scram, SaslError>, expected: &str| {
        assert_eq!(opened(&scram.expect("credentials"), "abc").1, expected);
    };
    let sha512 = ScramMechanism::Sha512;
    check(Scram::new(sha512, "a=b,c=2C", "x"), "n,,n=a=3Db=2Cc=3D2C,r=abc");
    check(Scram::new(sha512, "ünï", "x"), "n,,n=ünï,r=abc");
    check(Scram::delegation_token(sha512, "tok-1", "aGk="), "n,,n=tok-1,r=abc,tokenauth=true");
}

#[test]
fn each_exchange_has_a_nonce_from_its_own_entropy() {
    let opening = |byte| {
        let start = Start::new("broker", Now::default(), Entropy::from_bytes([byte; Entropy::SIZE]));
        text(user().start(start).expect("it starts").next(None))
    };
    let (first, second) = (opening(0), opening(0xff));
    assert_eq!(first, format!("n,,n=user,r={}", "A".repeat(43)));
    assert_eq!(second, format!("n,,n=user,r={}8", "_".repeat(42)));
}

#[test]
fn a_wrong_signature_is_not_trusted() {
    let mut wrong = SERVER_FINAL.replace("6rriT", "6rriU");
    assert_eq!(kind_after(SERVER_FIRST, &wrong), Some(SaslErrorKind::WrongServerSignature));
    // Right as far as it goes.
    wrong = "v=6rriTRBi23WpRR/wtup+mA==".to_owned();
    assert_eq!(kind_after(SERVER_FIRST, &wrong), Some(SaslErrorKind::WrongServerSignature));
    wrong = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4A".to_owned();
    assert_eq!(kind_after(SERVER_FIRST, &wrong), Some(SaslErrorKind::WrongServerSignature));
}

#[test]
fn iterations_are_bounded_below_and_above() {
    let check = |iterations: &str, kind| {
        let server_first = SERVER_FIRST.replace("4096", iterations);
        assert_eq!(kind_after(&server_first, SERVER_FINAL), Some(kind), "{iterations}");
    };
    for few in ["0", "1", "4095", "0004095"] {
        check(few, SaslErrorKind::TooFewIterations);
    }
    for many in [&(MAX_ITERATIONS + 1).to_string(), "4294967295", "4294967296", &"9".repeat(100)] {
        check(many, SaslErrorKind::TooManyIterations);
    }
    for none in ["", "-4096", "+4096", "4096 ", "0x1000", "4e3"] {
        check(none, SaslErrorKind::MalformedMessage);
    }
}

#[test]
fn a_nonce_that_does_not_extend_ours_is_not_trusted() {
    for nonce in [NONCE, "rOprNGfwEbeRWgbNEkq", "x", "xrOprNGfwEbeRWgbNEkqO", "ROPRNGFWEBERWGBNEKQOabc"] {
        let server_first = format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        assert_eq!(kind_after(&server_first, SERVER_FINAL), Some(SaslErrorKind::WrongNonce), "{nonce}");
    }
}

#[test]
fn extensions_are_ignored_but_signed() {
    let extended = format!("{SERVER_FIRST},x=1,later=a=b");
    // By Python's `hmac`, over the message with its extensions.
    let signature = "v=rxUbI1olI69iU7y8M7HMknrP9a2Ly3OiHemEGumNBCg=";
    assert_eq!(kind_after(&extended, signature), None);
    assert_eq!(kind_after(&extended, SERVER_FINAL), Some(SaslErrorKind::WrongServerSignature));
    assert_eq!(kind_after(SERVER_FIRST, &format!("{SERVER_FINAL},x=1,y=2")), None);
}

#[test]
fn what_is_no_message_of_a_server_is_malformed() {
    let (nonce, salt) = ("r=rOprNGfwEbeRWgbNEkqOabc", "s=W22ZaJ0SNY7soEsUEjb6gQ==");
    let firsts = [
        String::new(),
        nonce.to_owned(),
        format!("{nonce},{salt}"),
        format!("{nonce},i=4096,{salt}"),
        format!("{salt},{nonce},i=4096"),
        format!("x=1,{nonce},{salt},i=4096"),
        format!("m=1,{nonce},{salt},i=4096"),
        format!("{nonce}é,{salt},i=4096"),
        format!("{nonce} ,{salt},i=4096"),
        format!("{nonce},s=,i=4096"),
        format!("{nonce},s=W22Z*,i=4096"),
        format!("{nonce},s=W22ZaJ0SNY7soEsUEjb6gQ,i=4096"),
        format!("{nonce},{salt},i=4096,"),
        format!("{nonce},{salt},i=4096,x"),
        format!("{nonce},{salt},i=4096,x="),
        format!("{nonce},{salt},i=4096,1=x"),
        "e=invalid-proof".to_owned(),
        SERVER_FINAL.to_owned(),
    ];
    for first in firsts {
        assert_eq!(kind_after(&first, SERVER_FINAL), Some(SaslErrorKind::MalformedMessage), "{first}");
    }
    for last in ["", "v", "v=", "e=", "v=*", "x=1", SERVER_FIRST, "v=6rri,", "v=6rri,x", ",v=6rri"] {
        assert_eq!(kind_after(SERVER_FIRST, last), Some(SaslErrorKind::MalformedMessage), "{last}");
    }
    let (mut exchange, _) = opened(&user(), NONCE);
    let error = exchange.next(Some(&[b'r', b'=', 0xff])).expect_err("it is not text");
    assert_eq!(error.kind(), SaslErrorKind::MalformedMessage);
}

#[test]
fn a_message_larger_than_any_honest_one_is_refused() {
    let long = format!("{SERVER_FIRST},x={}", "y".repeat(MAX_SERVER_MESSAGE_SIZE));
    assert_eq!(kind_after(&long, ""), Some(SaslErrorKind::MessageTooLarge));
    let long = format!("{SERVER_FINAL},x={}", "y".repeat(MAX_SERVER_MESSAGE_SIZE));
    assert_eq!(kind_after(SERVER_FIRST, &long), Some(SaslErrorKind::MessageTooLarge));
}

#[test]
fn a_servers_error_says_whether_the_credentials_are_at_fault() {
    for (value, kind) in [
        ("invalid-proof", SaslErrorKind::CredentialsRefused),
        ("unknown-user", SaslErrorKind::CredentialsRefused),
        ("other-error", SaslErrorKind::ExchangeRefused),
        ("something\u{1b}new", SaslErrorKind::ExchangeRefused),
    ] {
        assert_eq!(kind_after(SERVER_FIRST, &format!("e={value},x=1")), Some(kind), "{value}");
    }
    let (mut exchange, _) = opened(&user(), NONCE);
    exchange.next(Some(SERVER_FIRST.as_bytes())).expect("a proof");
    let error = exchange.next(Some(b"e=invalid-proof")).expect_err("it is refused").to_string();
    assert!(error.contains("check user name and password") && error.ends_with(": invalid-proof"), "{error}");
}

#[test]
fn steps_out_of_order_are_misuse() {
    let (first, last) = (Some(SERVER_FIRST.as_bytes()), Some(SERVER_FINAL.as_bytes()));
    let steps: [&[Option<&[u8]>]; 6] = [
        &[Some(b"")],
        &[first],
        &[None, None],
        &[None, first, None],
        &[None, first, last, None],
        &[None, first, last, last],
    ];
    for steps in steps {
        assert_ends_in_misuse(user().replay(NONCE).expect("a nonce"), steps);
    }
}

#[test]
fn credentials_and_nonces_that_cannot_be_sent_are_refused() {
    for (username, password) in [("", "secret"), ("alice", ""), ("a\0b", "secret")] {
        let error = Scram::new(ScramMechanism::Sha256, username, password).expect_err("it is refused");
        assert_eq!(error.kind(), SaslErrorKind::CredentialsInvalid);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    for nonce in ["", "a,b", "a b", "ü", "a\n"] {
        assert_eq!(user().replay(nonce).expect_err("no nonce").kind(), SaslErrorKind::Misuse);
    }
}

#[test]
fn no_secret_is_in_debug_output() {
    let (mut exchange, _) = opened(&user(), NONCE);
    let mut shown = format!("{:?} {exchange:?}", user());
    let step = exchange.next(Some(SERVER_FIRST.as_bytes()));
    shown += &format!("{step:?} {exchange:?}");
    assert!(!shown.contains("pencil") && !shown.contains("dHzbZ") && !shown.contains("112, 101"), "{shown}");
}
