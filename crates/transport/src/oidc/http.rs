//! One POST on a connection of its own, by hyper.

use std::future::poll_fn;
use std::pin::{Pin, pin};

use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;

use crate::connector::Stream;

/// The largest answer that is read, in bytes.
pub const MAX_ANSWER_SIZE: usize = 1 << 20;
/// Of the head of an answer; hyper's own limit is some 400 KiB.
const MAX_HEAD_SIZE: usize = 64 * 1024;

/// What came back.
pub(super) struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

/// Sends the request and reads the answer. What went wrong is said in words that hold nothing of either.
pub(super) async fn exchange(stream: Box<dyn Stream>, request: Request<String>) -> Result<Answer, String> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_SIZE);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        Ok(Answer { status, body: read(response.into_body()).await? })
    };
    let (mut exchange, mut connection) = (pin!(exchange), pin!(connection));
    let mut has_ended = false;
    poll_fn(|context| {
        // The connection moves the bytes; how it ends the exchange learns.
        if !has_ended {
            has_ended = connection.as_mut().poll(context).is_ready();
        }
        exchange.as_mut().poll(context)
    })
    .await
}

async fn read(mut body: Incoming) -> Result<Vec<u8>, String> {
    let too_large = || format!("the answer is larger than {MAX_ANSWER_SIZE} bytes");
    if body.size_hint().lower() > MAX_ANSWER_SIZE as u64 {
        return Err(too_large());
    }
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| error.to_string())?;
        if let Some(data) = frame.data_ref() {
            if all.len() + data.len() > MAX_ANSWER_SIZE {
                return Err(too_large());
            }
            all.extend_from_slice(data);
        }
    }
    Ok(all)
}
