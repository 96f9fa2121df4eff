//! One connection: TLS if its listener wants it, then frames in, answers out, one request at a time.

use std::io;
use std::sync::Arc;
#[cfg(feature = "tls")]
use std::time::Duration;

use bytes::BytesMut;
use ottla_protocol::frame::{FrameBuf, split_frame};
use ottla_protocol::types::NodeId;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::{Lifeline, Output, Shared};
use crate::connection::ConnectionId;
use crate::listener::ListenerId;

/// How much is read at a time, in bytes.
const READ_CHUNK: usize = 16 * 1024;
/// How much is read ahead while a request is being answered, in bytes: enough to see the peer hang up, and for the
/// next few requests.
const READ_AHEAD: usize = 64 * 1024;
/// Answers up to this many bytes are written in one piece; larger ones share their batches instead.
const COPY_UP_TO: usize = 64 * 1024;

/// How long TLS may take to begin: a peer that does not speak it must not hold a place for ever.
#[cfg(feature = "tls")]
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);

/// Where a connection leads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) node: NodeId,
    pub(crate) listener: ListenerId,
}

/// Serves a connection until the peer, the cluster or the server ends it.
pub(crate) async fn serve<S>(shared: Arc<Shared>, way: Way, client_host: &str, stream: S, lifeline: Lifeline)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    #[cfg(feature = "tls")]
    if let Some(acceptor) = shared.acceptors.get(&way.listener) {
        let mut ending = lifeline.clone();
        let shaken = tokio::select! {
            biased;
            () = ending.ended() => return,
            shaken = tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)) => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => serve_frames(shared.clone(), way, client_host, stream, lifeline).await,
            Ok(Err(error)) => tracing::debug!(node = %way.node, client_host, %error, "no TLS"),
            Err(_) => tracing::debug!(node = %way.node, client_host, "no TLS in time"),
        }
        return;
    }
    serve_frames(shared, way, client_host, stream, lifeline).await;
}

async fn serve_frames<S>(shared: Arc<Shared>, way: Way, client_host: &str, stream: S, mut lifeline: Lifeline)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Dropping the stream is how a node that is down looks from outside, but for the accepted connection.
    let Some((id, outputs)) = shared.connect(way, client_host) else { return };
    // Also when the task is cancelled.
    let _registered = Registered { shared: &shared, id };
    let mut session =
        Session { shared: &shared, id, outputs, stream, buffer: BytesMut::new(), at_end: false };
    let result = tokio::select! {
        biased;
        () = lifeline.ended() => return,
        result = session.run() => result,
    };
    if let Err(error) = result {
        tracing::debug!(node = %way.node, client_host, %error, "connection ended");
    }
}

struct Registered<'a> {
    shared: &'a Shared,
    id: ConnectionId,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.shared.disconnect(self.id);
    }
}

struct Session<'a, S> {
    shared: &'a Shared,
    id: ConnectionId,
    outputs: mpsc::UnboundedReceiver<Output>,
    stream: S,
    /// What has been read and not been handled.
    buffer: BytesMut,
    /// The peer will send no more. It may still wait for an answer.
    at_end: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            match split_frame(&mut self.buffer, self.shared.max_frame_size) {
                Ok(Some(frame)) => {
                    self.shared.handle(self.id, frame);
                    match self.output().await? {
                        Some(Output::Send(frame)) => self.send(frame).await?,
                        Some(Output::Proceed) => {}
                        Some(Output::Cut(bytes)) => {
                            self.stream.write_all(&bytes).await?;
                            self.stream.flush().await?;
                            // With what TLS says at its end, so that the answer is not taken for a cut one.
                            return self.stream.shutdown().await;
                        }
                        Some(Output::Mute) => return self.listen_in_vain().await,
                        Some(Output::Close(reason)) => return Err(io::Error::other(reason.to_string())),
                        None => return Ok(()),
                    }
                }
                Ok(None) if self.at_end => return Ok(()),
                Ok(None) => self.read().await?,
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
    }

    /// Waits for what the cluster says to the request, reading ahead.
    async fn output(&mut self) -> io::Result<Option<Output>> {
        loop {
            let room = READ_AHEAD.saturating_sub(self.buffer.len()).min(READ_CHUNK);
            if room == 0 || self.at_end {
                return Ok(self.outputs.recv().await);
            }
            self.buffer.reserve(READ_CHUNK);
            tokio::select! {
                biased;
                output = self.outputs.recv() => return Ok(output),
                read = self.stream.read_buf(&mut self.buffer) => self.at_end = read? == 0,
            }
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        // The buffer grows with what has arrived, never with what a size in front of it claims.
        self.buffer.reserve(READ_CHUNK);
        tokio::select! {
            biased;
            // No request is open: all that can come is the end of the node.
            output = self.outputs.recv() => {
                let reason = match output {
                    Some(Output::Close(reason)) => reason.to_string(),
                    _ => "the cluster has forgotten the connection".to_owned(),
                };
                return Err(io::Error::other(reason));
            }
            read = self.stream.read_buf(&mut self.buffer) => self.at_end = read? == 0,
        }
        Ok(())
    }

    /// Reads until the peer closes, and does nothing with what it reads.
    async fn listen_in_vain(&mut self) -> io::Result<()> {
        while !self.at_end {
            self.buffer.clear();
            self.read().await?;
        }
        Ok(())
    }

    async fn send(&mut self, frame: FrameBuf) -> io::Result<()> {
        if frame.total_len() <= COPY_UP_TO {
            self.stream.write_all(&frame.into_bytes()).await?;
        } else {
            for piece in frame.into_pieces() {
                self.stream.write_all(&piece).await?;
            }
        }
        self.stream.flush().await
    }
}
