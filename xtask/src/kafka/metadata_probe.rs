//! Asks a broker which brokers it knows, with one Metadata request of version 1 written by hand: a port that
//! accepts connections is not yet a broker that serves, and every release from 0.10 on speaks that version.
//! Not a client.

use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// A broker on loopback answers at once or is not ready.
const LIMIT: Duration = Duration::from_secs(2);

/// Some brokers and no topics: far below this.
const LARGEST_RESPONSE_BYTES: usize = 64 * 1024;

/// Size, API key 3, version 1, correlation id 7, no client id, an empty list of topics (which asks for none).
const REQUEST: [u8; 18] = [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0, 0, 0, 0];

/// The node ids of the live brokers, as the broker on `port` sees them.
pub fn known_brokers(port: u16) -> Result<BTreeSet<i32>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, LIMIT).context("cannot connect")?;
    stream.set_read_timeout(Some(LIMIT)).and_then(|()| stream.set_write_timeout(Some(LIMIT)))?;
    stream.write_all(&REQUEST).context("cannot send a request")?;
    let mut size = [0; 4];
    stream.read_exact(&mut size).context("no answer")?;
    let size = u32::from_be_bytes(size) as usize;
    if size > LARGEST_RESPONSE_BYTES {
        bail!("a response of {size} bytes is no Metadata response");
    }
    let mut response = vec![0; size];
    stream.read_exact(&mut response).context("the answer is cut")?;
    read_brokers(&response).context("the answer is cut")
}

fn read_brokers(response: &[u8]) -> Option<BTreeSet<i32>> {
    let (_correlation_id, mut rest) = response.split_first_chunk::<4>()?;
    let count = i32::from_be_bytes(take(&mut rest)?);
    let mut brokers = BTreeSet::new();
    for _ in 0..count {
        brokers.insert(i32::from_be_bytes(take(&mut rest)?));
        skip_string(&mut rest)?;
        let _port: [u8; 4] = take(&mut rest)?;
        skip_string(&mut rest)?;
    }
    Some(brokers)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

/// A string, or null (length -1).
fn skip_string(rest: &mut &[u8]) -> Option<()> {
    let length = usize::try_from(i16::from_be_bytes(take(rest)?)).unwrap_or(0);
    *rest = rest.get(length..)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two brokers on 127.0.0.1, the second with a rack; controller 1; no topics.
    fn response() -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 7, 0, 0, 0, 2];
        for (node_id, rack) in [(1, None), (2, Some("rack2"))] {
            bytes.extend([0, 0, 0, node_id, 0, 9]);
            bytes.extend(b"127.0.0.1");
            bytes.extend([0, 0, 0x23, 0x84]);
            match rack {
                None => bytes.extend([0xff, 0xff]),
                Some(rack) => {
                    bytes.extend([0, 5]);
                    bytes.extend(rack.bytes());
                }
            }
        }
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn every_broker_is_read_with_and_without_a_rack() {
        assert_eq!(read_brokers(&response()), Some(BTreeSet::from([1, 2])));
    }

    #[test]
    fn a_cut_response_is_no_answer() {
        let response = response();
        let brokers_end = response.len() - 8;
        for length in 0..brokers_end {
            assert_eq!(read_brokers(&response[..length]), None, "{length} bytes");
        }
    }
}
