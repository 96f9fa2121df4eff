//! Reading and writing a message by both crates.

use std::fmt::Debug;
use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable};
use ottla_protocol::frame::FrameBuf;
use ottla_protocol::message::Message;

use crate::Case;

/// Reads a message into structs of its own; dropping them is part of it.
pub(crate) fn read<M: Message + 'static, P: Decodable + 'static>(
    name: &'static str,
    bytes: &Bytes,
    version: i16,
) -> Case {
    let (ours, theirs) = (bytes.clone(), bytes.clone());
    Case::new(
        name,
        bytes.len(),
        move || drop(black_box(M::decode(&ours, version).expect("it is one"))),
        move || drop(black_box(P::decode(&mut theirs.clone(), version).expect("it is one"))),
    )
}

/// Writes a message into a fresh buffer.
pub(crate) fn write<M, P>(name: &'static str, bytes: &Bytes, version: i16) -> Case
where
    M: Message + 'static,
    P: Decodable + Encodable + Debug + 'static,
{
    let ours = M::decode(bytes, version).expect("it is one");
    let theirs = P::decode(&mut bytes.clone(), version).expect("it is one");
    assert_eq!(ours.to_bytes(version).expect("it can be written"), bytes);
    let mut written = BytesMut::new();
    theirs.encode(&mut written, version).expect("it can be written");
    assert_eq!(written, bytes);
    Case::new(
        name,
        bytes.len(),
        move || {
            let mut out = FrameBuf::new();
            ours.encode(version, &mut out).expect("it can be written");
            drop(black_box(out));
        },
        move || {
            let mut out = BytesMut::new();
            theirs.encode(&mut out, version).expect("it can be written");
            drop(black_box(out));
        },
    )
}
