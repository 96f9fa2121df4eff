//! Help, version, and arguments that make no sense.

use crate::command::ottla;

#[test]
fn the_version_is_the_packages() {
    let finished = ottla("--version");
    assert_eq!(finished.code, Some(0));
    assert_eq!(finished.stdout, concat!("ottla ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn every_command_explains_itself() {
    for command in ["", "quickstart", "broker", "bench"] {
        for flag in ["-h", "--help"] {
            let finished = ottla(&format!("{command} {flag}"));
            assert_eq!(finished.code, Some(0), "{command} {flag}");
            assert!(finished.stdout.contains("Usage: ottla"), "{}", finished.stdout);
            assert_eq!(finished.stderr, "");
        }
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    for line in [
        "",
        "fly",
        "broker --nodes 0",
        "broker --topic t:0",
        "bench produce",
        "bench produce --topic t --compression rar",
        "bench e2e --topic t --record-size 23",
        "bench produce --topic t --compression-level 3",
        "bench produce --topic t --compression snappy,zstd --compression-level 3",
        "bench produce --topic t --keys 1000 --key-size 2",
        "bench produce --topic t --record-size 999_999_999_999",
    ] {
        let finished = ottla(line);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{line}: {}", finished.stderr);
    }
}
