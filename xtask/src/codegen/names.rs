//! Rust names for Kafka's: fields, modules and the names that JSON prints.

/// `ThrottleTimeMs` → `throttle_time_ms`, `KRaftVersion` → `k_raft_version`.
pub fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, &c) in chars.iter().enumerate() {
        let after_lower = at > 0 && !chars[at - 1].is_uppercase();
        let before_lower = at > 0 && chars.get(at + 1).is_some_and(|next| next.is_lowercase());
        if c.is_uppercase() && (after_lower || before_lower) {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// A field's name in Rust: snake case, raw where it is a keyword.
pub fn field(name: &str) -> String {
    let snake = snake(name);
    match snake.as_str() {
        "type" | "match" | "ref" | "move" | "use" | "in" | "loop" | "fn" | "mod" => format!("r#{snake}"),
        _ => snake,
    }
}

/// The name that Kafka's `JsonConverter` prints: the first letter in lower case.
pub fn json(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafka() {
        for (name, expected) in
            [("ThrottleTimeMs", "throttle_time_ms"), ("TopicId", "topic_id"), ("SASLToken", "sasl_token")]
        {
            assert_eq!(snake(name), expected);
        }
        assert_eq!(field("Match"), "r#match");
        assert_eq!(json("ThrottleTimeMs"), "throttleTimeMs");
    }
}
