//! A proxy for tests that plays a script, and connectors that reach it by a pipe.

use std::sync::Mutex;
use std::time::Duration;

use ottla_core::connection::{ConnectError, ConnectErrorKind as Kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use crate::connector::{Connecting, Connector, Stream};

/// What the proxy does, in order; after that it closes, unless it echoes.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// It reads exactly this.
    Expect(Vec<u8>),
    /// It sends this, so many bytes at a time.
    Send(Vec<u8>, usize),
    /// It sends back what it gets: it is connected.
    Echo,
    /// It takes everything and says nothing more.
    Hang,
}

/// Reaches a proxy that plays `steps`, once.
pub(crate) struct Scripted(Mutex<Option<DuplexStream>>);

impl Scripted {
    pub(crate) fn new(steps: Vec<Step>) -> Self {
        // So narrow that long messages are cut, and wide enough for the echo that nobody reads yet.
        Self::with_room(16, steps)
    }

    pub(crate) fn with_room(room: usize, steps: Vec<Step>) -> Self {
        let (client, mut server) = duplex(room);
        tokio::spawn(async move {
            for step in steps {
                match step {
                    Step::Expect(expected) => {
                        let mut found = vec![0; expected.len()];
                        server.read_exact(&mut found).await?;
                        let (found, expected) =
                            (found.escape_ascii().to_string(), expected.escape_ascii().to_string());
                        assert_eq!(found, expected);
                    }
                    Step::Send(bytes, at_once) => {
                        for piece in bytes.chunks(at_once) {
                            server.write_all(piece).await?;
                            tokio::task::yield_now().await;
                        }
                    }
                    Step::Echo => {
                        let (mut reader, mut writer) = tokio::io::split(&mut server);
                        tokio::io::copy(&mut reader, &mut writer).await?;
                    }
                    Step::Hang => drop(tokio::io::copy(&mut server, &mut tokio::io::sink()).await?),
                }
            }
            std::io::Result::Ok(())
        });
        Self(Mutex::new(Some(client)))
    }
}

impl Connector for Scripted {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        assert_eq!((host, port), ("proxy", 3128));
        let stream = self.0.lock().expect("not poisoned").take().expect("dialled once");
        Box::pin(std::future::ready(Ok(Box::new(stream) as Box<dyn Stream>)))
    }
}

/// Fails in this way.
pub(crate) struct Failing(pub(crate) Kind);

impl Connector for Failing {
    fn connect<'a>(&'a self, _host: &'a str, _port: u16) -> Connecting<'a> {
        Box::pin(std::future::ready(Err(ConnectError::new(self.0, "no").into())))
    }
}

/// What comes of dialling through `connector`: nothing once an echo has come back.
pub(crate) async fn outcome(connector: &dyn Connector, host: &str) -> Option<(Kind, String)> {
    let echo = async {
        let mut stream = connector.connect(host, 9092).await?;
        stream.write_all(b"\0\0\0\x04ping").await?;
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"\0\0\0\x04ping");
        std::io::Result::Ok(())
    };
    // With a paused clock: once nothing moves any more, the time is up.
    let result = timeout(Duration::from_secs(1), echo).await.expect("it ends");
    let error = ConnectError::from_io(&result.err()?);
    assert!(error.to_string().starts_with("the proxy proxy:3128"), "{error}");
    Some((error.kind(), error.to_string()))
}

/// Dials through a proxy that says this and nothing more, and wants an end of it: connected or not.
pub(crate) async fn ends(connector: &dyn Connector) {
    let dialled = timeout(Duration::from_secs(1), connector.connect("broker.example", 9092)).await;
    drop(dialled.expect("it ends"));
}

/// Bytes in which a test looks for panics and endless reading: the same every time.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}
