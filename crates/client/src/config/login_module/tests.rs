//! Tests of `login_module.rs`.

use super::*;

const KAFKA: &str = "org.apache.kafka.common.security";

fn parse(text: &str) -> Result<LoginModule, String> {
    LoginModule::parse(text)
}

#[test]
fn modules_say_what_java_takes_from_them() {
    let check = |text: String, expected: LoginModule| assert_eq!(parse(&text), Ok(expected), "{text}");
    let password = || Password::new("alice's \"secret\"");
    check(
        format!(
            "{KAFKA}.plain.PlainLoginModule required username=\"alice\" password=\"alice's \\\"secret\\\"\";"
        ),
        LoginModule::Plain { username: "alice".to_owned(), password: password() },
    );
    check(
        format!("{KAFKA}.plain.PlainLoginModule required username=a username=b user_c=d password=e;"),
        LoginModule::Plain { username: "b".to_owned(), password: Password::new("e") },
    );
    for (tokenauth, is_delegation_token) in
        [("", false), ("tokenauth=\"true\"", true), ("tokenauth=no", false)]
    {
        check(
            format!(
                "{KAFKA}.scram.ScramLoginModule required username=\"id\" password=\"hmac==\" {tokenauth};"
            ),
            LoginModule::Scram {
                username: "id".to_owned(),
                password: Password::new("hmac=="),
                is_delegation_token,
            },
        );
    }
    check(
        format!(
            "{KAFKA}.oauthbearer.OAuthBearerLoginModule required clientId=\"c\" clientSecret=\"s\" scope=\"x y\" extension_logicalCluster=\"lkc-1\";"
        ),
        LoginModule::OAuthBearer(OAuthBearerOptions {
            client_id: Some("c".to_owned()),
            client_secret: Some(Password::new("s")),
            scope: Some("x y".to_owned()),
            extensions: vec![("logicalCluster".to_owned(), "lkc-1".to_owned())],
            unsecured: None,
        }),
    );
    check(
        "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab=\"/etc/c.keytab\" principal=\"c@R\";".to_owned(),
        LoginModule::Kerberos(KerberosOptions {
            keytab: Some("/etc/c.keytab".into()),
            principal: Some("c@R".to_owned()),
            ..KerberosOptions::default()
        }),
    );
    check(
        "com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true;".to_owned(),
        LoginModule::Kerberos(KerberosOptions { use_ticket_cache: true, ..KerberosOptions::default() }),
    );
}

#[test]
fn tokens_that_nobody_signed_have_a_principal_a_scope_and_a_lifetime() {
    let check = |options: &str, principal: &str, scope: Option<&str>, seconds: u64| {
        let text = format!("{KAFKA}.oauthbearer.OAuthBearerLoginModule required {options};");
        let Ok(LoginModule::OAuthBearer(found)) = parse(&text) else { panic!("{text}") };
        let mut expected = UnsecuredOptions::new(principal);
        expected.scope = scope.map(str::to_owned);
        expected.lifetime = Duration::from_secs(seconds);
        assert_eq!(found.unsecured, Some(expected), "{options}");
    };
    check("unsecuredLoginStringClaim_sub=\"alice\"", "alice", None, 3600);
    check("unsecuredLoginStringClaim_sub=a unsecuredLoginListClaim_scope=\",x,y\"", "a", Some("x y"), 3600);
    check(
        "unsecuredLoginPrincipalClaimName=who unsecuredLoginStringClaim_who=a unsecuredLoginLifetimeSeconds=\"60\"",
        "a",
        None,
        60,
    );
}

#[test]
fn what_is_missing_or_mistyped_is_told_without_values() {
    let check = |text: String, expected: &str| {
        let error = parse(&text).expect_err(&text);
        assert_eq!(error, expected, "{text}");
        assert!(!error.contains("hunter2"), "{error}");
    };
    let plain = format!("{KAFKA}.plain.PlainLoginModule required");
    check(format!("{plain};"), "PlainLoginModule needs the option username");
    check(format!("{plain} username=a;"), "PlainLoginModule needs the option password");
    check(
        format!("{plain} username=\"\" password=hunter2;"),
        "the option username of PlainLoginModule is empty",
    );
    check(
        format!("{plain} username=a pasword=hunter2;"),
        "option 2 is not one of PlainLoginModule, did you mean password?",
    );
    check(
        format!("{plain} username=a password=x hunter2=y;"),
        "option 3 is not one of PlainLoginModule, which has username, password",
    );
    check(
        "com.acme.MyLoginModule required token=hunter2;".to_owned(),
        "unknown login module, known are PlainLoginModule, ScramLoginModule, OAuthBearerLoginModule and \
         Krb5LoginModule: com.acme.MyLoginModule",
    );
    check(
        "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab=\"a\";".to_owned(),
        "Krb5LoginModule needs the option principal beside keyTab",
    );
    let oauth = format!("{KAFKA}.oauthbearer.OAuthBearerLoginModule required");
    check(
        format!("{oauth} unsecuredLoginStringClaim_scope=x;"),
        "OAuthBearerLoginModule needs the option unsecuredLoginStringClaim_sub",
    );
    check(
        format!("{oauth} unsecuredLoginStringClaim_sub=a unsecuredLoginNumberClaim_age=\"3\";"),
        "a token that nobody signed can have the principal and the scope as claims, no others",
    );
}

#[test]
fn passwords_are_in_no_debug_output() {
    let text = format!("{KAFKA}.plain.PlainLoginModule required username=\"alice\" password=\"hunter2\";");
    let shown = format!("{:?}", parse(&text));
    assert!(shown.contains("alice") && !shown.contains("hunter2"), "{shown}");
}
