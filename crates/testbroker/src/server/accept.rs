//! The listening side of one node.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::{Lifeline, Shared, Way, serve};

/// The most connections to one node by one listener at a time; more are closed at once.
const MAX_CONNECTIONS: usize = 4096;
/// After an error of accept, which is mostly "too many open files": others must end first.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Serves the connections to a node by a listener until the server ends.
pub(crate) async fn accept(shared: Arc<Shared>, way: Way, listener: TcpListener, mut lifeline: Lifeline) {
    let node = way.node;
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            biased;
            () = lifeline.ended() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%node, %error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!(%node, %peer, "too many connections");
            continue;
        };
        // Answers are written whole: waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let (shared, lifeline) = (shared.clone(), lifeline.clone());
        tokio::spawn(async move {
            serve(shared, way, &format!("/{}", peer.ip()), stream, lifeline).await;
            drop(place);
        });
    }
}
