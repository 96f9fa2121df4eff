//! Free ports on loopback, held until just before a broker takes them. Someone else may still be faster: whoever
//! starts a broker on found ports tries again with others.

use anyhow::{Context, Result, bail};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

/// Ports that nobody else can take as long as this lives.
#[derive(Debug)]
pub struct Held {
    listeners: Vec<TcpListener>,
}

impl Held {
    /// As many free ports as wanted.
    pub fn free(count: usize) -> Result<Held> {
        let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port");
        Ok(Held { listeners: (0..count).map(bind).collect::<Result<_>>()? })
    }

    /// The ports `first`, `first + 1`, and so on.
    pub fn from(first: u16, count: usize) -> Result<Held> {
        let mut listeners = Vec::with_capacity(count);
        for offset in 0..count {
            let Some(port) = u16::try_from(offset).ok().and_then(|offset| first.checked_add(offset)) else {
                bail!("no {count} ports from {first} on: choose a lower one with --port");
            };
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                Ok(listener) => listeners.push(listener),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    bail!(
                        "port {port} is taken: choose another with --port, or leave it out to get a free one"
                    )
                }
                Err(error) => return Err(error).with_context(|| format!("cannot use port {port}")),
            }
        }
        Ok(Held { listeners })
    }

    /// The ports held, in order.
    pub fn ports(&self) -> Result<Vec<u16>> {
        let port = |listener: &TcpListener| Ok(listener.local_addr()?.port());
        self.listeners.iter().map(port).collect::<std::io::Result<_>>().context("a listener has no address")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_ports_differ() {
        let ports = Held::free(6).expect("there are free ports").ports().expect("they have numbers");
        let distinct: std::collections::BTreeSet<_> = ports.iter().collect();
        assert_eq!(distinct.len(), 6);
    }

    #[test]
    fn a_taken_port_is_named() {
        let held = Held::free(1).expect("there is a free port");
        let port = held.ports().expect("it has a number")[0];
        let error = Held::from(port, 1).expect_err("it is taken").to_string();
        assert!(error.starts_with(&format!("port {port} is taken: ")), "{error}");
    }

    #[test]
    fn ports_beyond_the_last_one_are_refused() {
        let error = Held::from(65535, 3).expect_err("there are no such ports").to_string();
        assert!(error.contains("choose a lower one"), "{error}");
    }
}
