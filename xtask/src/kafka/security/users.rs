//! The users of a secured broker. Each mechanism has passwords of its own, so that a login shows which mechanism was
//! used.

/// Names of users of every mechanism with passwords.
pub const NAMES: [&str; 2] = ["admin", "alice"];

/// The mechanisms with passwords, and what their passwords end in.
pub const MECHANISMS: [(&str, &str); 3] =
    [("PLAIN", "plain"), ("SCRAM-SHA-256", "scram-256"), ("SCRAM-SHA-512", "scram-512")];

/// A user of one mechanism.
#[derive(Debug, PartialEq, Eq)]
pub struct User {
    /// Kafka's name of the mechanism.
    pub mechanism: &'static str,
    /// The user's name.
    pub username: &'static str,
    /// The password under this mechanism.
    pub password: String,
}

/// Every user of every mechanism with passwords.
pub fn all() -> Vec<User> {
    let users = MECHANISMS.iter().flat_map(|(mechanism, suffix)| {
        NAMES.iter().map(move |username| User {
            mechanism,
            username,
            password: format!("{username}-{suffix}"),
        })
    });
    users.collect()
}

/// The PLAIN users as options of a JAAS line.
pub fn plain_options() -> String {
    let plain = all().into_iter().filter(|user| user.mechanism == "PLAIN");
    let options: Vec<_> = plain.map(|user| format!("user_{}=\"{}\"", user.username, user.password)).collect();
    options.join(" ")
}

/// The SCRAM users as arguments of Kafka's format tool.
pub fn scram_format_arguments() -> Vec<String> {
    let scram = all().into_iter().filter(|user| user.mechanism.starts_with("SCRAM"));
    let arguments = scram.flat_map(|User { mechanism, username, password }| {
        ["--add-scram".to_owned(), format!("{mechanism}=[name={username},password={password}]")]
    });
    arguments.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mechanism_has_passwords_of_its_own() {
        let mut passwords: Vec<_> = all().into_iter().map(|user| user.password).collect();
        passwords.sort();
        passwords.dedup();
        assert_eq!(passwords.len(), NAMES.len() * MECHANISMS.len());
    }

    #[test]
    fn scram_users_are_made_when_the_storage_is() {
        let arguments = scram_format_arguments();
        let wanted = ["--add-scram", "SCRAM-SHA-256=[name=admin,password=admin-scram-256]"];
        assert_eq!(arguments[..2], wanted);
        assert_eq!(arguments.len(), 8);
    }
}
