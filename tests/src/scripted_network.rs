//! A network on which every address is answered by a script: for peers that no broker would be.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ottla_transport::{Connecting, Connector, Stream};
use tokio::io::{DuplexStream, duplex};

/// What a pipe holds before whoever writes has to wait, in bytes.
const PIPE_BYTES: usize = 64 * 1024;

type Script = dyn Fn(DuplexStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// Runs a script at the other end of each stream, as a task; clones share the script.
#[derive(Clone)]
pub struct ScriptedNetwork {
    script: Arc<Script>,
}

impl ScriptedNetwork {
    /// Every stream is closed when its `script` ends.
    pub fn new<F>(script: impl Fn(DuplexStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { script: Arc::new(move |stream| Box::pin(script(stream))) }
    }
}

impl Connector for ScriptedNetwork {
    fn connect<'a>(&'a self, _host: &'a str, _port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let (near, far) = duplex(PIPE_BYTES);
            tokio::spawn((self.script)(far));
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    }
}

impl fmt::Debug for ScriptedNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScriptedNetwork")
    }
}
