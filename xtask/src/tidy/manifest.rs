//! The dependency entries of a Cargo.toml, with lines. Not a TOML reader: it knows tables, and entries that stand on
//! one line or whose brackets close further down, which is how manifests are written.

/// One entry of a table of dependencies.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The table, such as `dev-dependencies` or `workspace.dependencies`.
    pub table: String,
    /// The dependency's name.
    pub name: String,
    /// What stands behind the `=`, on one line.
    pub value: String,
    /// The line of the name.
    pub line: usize,
}

impl Entry {
    /// Whether the entry sets this key to this value.
    pub fn sets(&self, key: &str, value: &str) -> bool {
        let spaced = self.value.replace(['{', '}', ','], " ");
        let words: Vec<_> = spaced.split_whitespace().collect();
        words.windows(3).any(|three| three == [key, "=", value])
    }
}

/// Every entry of every table whose name ends in `dependencies`.
pub fn dependencies(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut table = String::new();
    let mut open = false;
    for (line, content) in (1..).zip(text.lines()) {
        let content = without_comment(content).trim();
        if open {
            let last = entries.last_mut().expect("an entry is open");
            last.value.push_str(content);
            open = !balanced(&last.value);
        } else if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = name.to_owned();
        } else if let Some((key, value)) = content.split_once('=')
            && let Some(entry) = entry(&table, key.trim(), value.trim(), line)
        {
            open = !balanced(&entry.value);
            entries.push(entry);
        }
    }
    entries
}

/// `name = value` and `name.key = value` in a table of dependencies, `key = value` in a table of one dependency.
fn entry(table: &str, key: &str, value: &str, line: usize) -> Option<Entry> {
    let (table, name, value) = if table.ends_with("dependencies") {
        match key.split_once('.') {
            Some((name, key)) => (table, name, format!("{{ {key} = {value} }}")),
            None => (table, key, value.to_owned()),
        }
    } else {
        let (table, name) = table.rsplit_once('.')?;
        if !table.ends_with("dependencies") {
            return None;
        }
        (table, name, format!("{{ {key} = {value} }}"))
    };
    Some(Entry { table: table.to_owned(), name: name.trim_matches('"').to_owned(), value, line })
}

fn without_comment(line: &str) -> &str {
    let mut in_string = false;
    for (index, character) in line.char_indices() {
        match character {
            '"' => in_string = !in_string,
            '#' if !in_string => return &line[..index],
            _ => {}
        }
    }
    line
}

fn balanced(value: &str) -> bool {
    let count = |wanted: &[char]| value.chars().filter(|c| wanted.contains(c)).count();
    count(&['[', '{']) <= count(&[']', '}'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_in_every_way_to_write_them() {
        let text = "[package]\nversion = \"1\"\n[dependencies]\na = { workspace = true } # why\nb.workspace = true\n\
                    [target.'cfg(unix)'.dev-dependencies]\nc = \"1\"\n[dependencies.d]\nversion = \"2\"\n\
                    [dependencies]\ne = { workspace = true, features = [\n  \"x\",\n] }\nf = \"3\"\n";
        let entries = dependencies(text);
        let found: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.line)).collect();
        assert_eq!(found, [("a", 4), ("b", 5), ("c", 7), ("d", 9), ("e", 11), ("f", 14)]);
        let workspace: Vec<_> = entries.iter().map(|entry| entry.sets("workspace", "true")).collect();
        assert_eq!(workspace, [true, true, false, false, true, false]);
        assert!(entries[3].sets("version", "\"2\""));
    }
}
