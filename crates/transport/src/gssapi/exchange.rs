//! The exchange of RFC 4752 over a context, which does the cryptography.

use std::fmt;
use std::mem;

use bytes::Bytes;
use ottla_core::sasl::{Exchange, SaslError, SaslErrorKind, Step};

/// No ticket is near it, not even one with all the groups of a large company.
const MAX_SERVER_MESSAGE_SIZE: usize = 256 * 1024;
/// The bit of "no security layer".
const NO_LAYER: u8 = 1;

/// What the exchange wants of the library.
pub(super) trait Context: Send {
    /// The next message of the context, empty if there is none.
    fn step(&mut self, message: Option<&[u8]>) -> Result<Vec<u8>, SaslError>;
    /// Whether both sides know each other.
    fn is_established(&self) -> bool;
    /// Signs.
    fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, SaslError>;
    /// Verifies.
    fn unwrap_message(&mut self, message: &[u8]) -> Result<Vec<u8>, SaslError>;
}

pub(super) struct GssapiExchange<C> {
    context: C,
    state: State,
}

#[derive(Debug)]
enum State {
    /// With the opening message, if it has been made already.
    Opening(Option<Bytes>),
    Establishing,
    AwaitingLayers,
    AwaitingOutcome,
    Over,
}

impl<C: Context> GssapiExchange<C> {
    pub(super) fn new(context: C) -> Self {
        Self { context, state: State::Opening(None) }
    }

    /// Makes the opening message, which waits for the KDC.
    pub(super) fn prepare(&mut self) -> Result<(), SaslError> {
        if let State::Opening(None) = self.state {
            self.state = State::Opening(Some(self.context.step(None)?.into()));
        }
        Ok(())
    }

    fn establish(&mut self, message: &[u8]) -> Result<Step, SaslError> {
        let answer = self.context.step(Some(message))?;
        self.state = if self.context.is_established() { State::AwaitingLayers } else { State::Establishing };
        Ok(Step::Respond(answer.into()))
    }

    fn choose_layer(&mut self, message: &[u8]) -> Result<Step, SaslError> {
        let offer = self.context.unwrap_message(message)?;
        let &[layers, _, _, _] = &offer[..] else {
            let text = format!("the server's offer of security layers must have 4 bytes: {}", offer.len());
            return Err(SaslError::new(SaslErrorKind::MalformedMessage, text));
        };
        if layers & NO_LAYER == 0 {
            let text = format!("the server insists on a security layer, which kafka has not: {layers:#04x}");
            return Err(SaslError::new(SaslErrorKind::ExchangeRefused, text));
        }
        // Without a layer the size must be zero; without an authorization id it is the ticket's principal.
        let answer = self.context.wrap(&[NO_LAYER, 0, 0, 0])?;
        self.state = State::AwaitingOutcome;
        Ok(Step::Respond(answer.into()))
    }
}

impl<C: Context> Exchange for GssapiExchange<C> {
    fn next(&mut self, challenge: Option<&[u8]>) -> Result<Step, SaslError> {
        if challenge.is_some_and(|challenge| challenge.len() > MAX_SERVER_MESSAGE_SIZE) {
            self.state = State::Over;
            let text = format!("the server's message is larger than {MAX_SERVER_MESSAGE_SIZE} bytes");
            return Err(SaslError::new(SaslErrorKind::MessageTooLarge, text));
        }
        match (mem::replace(&mut self.state, State::Over), challenge) {
            (State::Opening(prepared), None) => {
                let opening = match prepared {
                    Some(opening) => opening,
                    None => self.context.step(None)?.into(),
                };
                self.state = State::Establishing;
                Ok(Step::Respond(opening))
            }
            (State::Establishing, Some(message)) => self.establish(message),
            (State::AwaitingLayers, Some(message)) => self.choose_layer(message),
            (State::AwaitingOutcome, Some(_)) => Ok(Step::Done),
            (state, _) => {
                let text = format!("no such step: the GSSAPI exchange is {}", state.name());
                Err(SaslError::new(SaslErrorKind::Misuse, text))
            }
        }
    }
}

impl State {
    fn name(&self) -> &str {
        match self {
            Self::Opening(_) => "not open",
            Self::Establishing | Self::AwaitingLayers | Self::AwaitingOutcome => "open",
            Self::Over => "over",
        }
    }
}

impl<C> fmt::Debug for GssapiExchange<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("GssapiExchange");
        if let State::Opening(_) = self.state {
            return shown.field("state", &"Opening").finish();
        }
        shown.field("state", &self.state).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Establishes after two messages; signs with an `s`.
    #[derive(Default)]
    struct Letters {
        steps: usize,
    }

    impl Context for Letters {
        fn step(&mut self, message: Option<&[u8]>) -> Result<Vec<u8>, SaslError> {
            self.steps += 1;
            match (self.steps, message) {
                (1, None) => Ok(b"ticket".to_vec()),
                (2, Some(b"more")) => Ok(b"answer".to_vec()),
                (3, Some(b"proof")) => Ok(Vec::new()),
                _ => Err(SaslError::new(SaslErrorKind::WrongServerSignature, "no proof")),
            }
        }

        fn is_established(&self) -> bool {
            self.steps == 3
        }

        fn wrap(&mut self, message: &[u8]) -> Result<Vec<u8>, SaslError> {
            Ok([b"s", message].concat())
        }

        fn unwrap_message(&mut self, message: &[u8]) -> Result<Vec<u8>, SaslError> {
            let wrong = || SaslError::new(SaslErrorKind::WrongServerSignature, "no signature");
            message.strip_prefix(b"s").map(<[u8]>::to_vec).ok_or_else(wrong)
        }
    }

    fn respond(message: &[u8]) -> Result<Step, SaslError> {
        Ok(Step::Respond(Bytes::copy_from_slice(message)))
    }

    fn established() -> GssapiExchange<Letters> {
        let mut exchange = GssapiExchange::new(Letters::default());
        assert_eq!(exchange.next(None), respond(b"ticket"));
        assert_eq!(exchange.next(Some(b"more")), respond(b"answer"));
        assert_eq!(exchange.next(Some(b"proof")), respond(b""));
        exchange
    }

    #[test]
    fn the_exchange_is_that_of_rfc_4752_without_a_layer() {
        let mut exchange = established();
        assert_eq!(exchange.next(Some(b"s\x07\0\xff\xff")), respond(b"s\x01\0\0\0"));
        assert_eq!(exchange.next(Some(b"")), Ok(Step::Done));
    }

    #[test]
    fn an_opening_that_was_prepared_is_sent() {
        let mut exchange = GssapiExchange::new(Letters::default());
        exchange.prepare().expect("a ticket");
        assert_eq!(exchange.context.steps, 1);
        assert_eq!(exchange.next(None), respond(b"ticket"));
        assert_eq!(exchange.context.steps, 1);
    }

    #[test]
    fn a_server_that_offers_what_it_must_not_is_refused() {
        for (offer, kind) in [
            (&b"s\x06\0\0\0"[..], SaslErrorKind::ExchangeRefused),
            (b"s\x01\0\0", SaslErrorKind::MalformedMessage),
            (b"s", SaslErrorKind::MalformedMessage),
            (b"s\x01\0\0\0\0", SaslErrorKind::MalformedMessage),
            (b"\x01\0\0\0", SaslErrorKind::WrongServerSignature),
            (b"", SaslErrorKind::WrongServerSignature),
        ] {
            let mut exchange = established();
            assert_eq!(exchange.next(Some(offer)).map_err(|error| error.kind()), Err(kind), "{offer:?}");
            let after = exchange.next(Some(b"s\x01\0\0\0")).expect_err("it is over");
            assert_eq!(after.kind(), SaslErrorKind::Misuse);
        }
    }

    #[test]
    fn a_server_that_proves_nothing_is_not_trusted() {
        let mut exchange = GssapiExchange::new(Letters::default());
        exchange.next(None).expect("a ticket");
        let error = exchange.next(Some(b"forged")).expect_err("no proof");
        assert!(error.is_server_untrusted());
    }

    #[test]
    fn a_message_without_end_is_refused() {
        let mut exchange = GssapiExchange::new(Letters::default());
        exchange.next(None).expect("a ticket");
        let error = exchange.next(Some(&vec![0; MAX_SERVER_MESSAGE_SIZE + 1])).expect_err("too large");
        assert_eq!(error.kind(), SaslErrorKind::MessageTooLarge);
    }

    #[test]
    fn steps_out_of_order_are_misuse() {
        let misuse = |result: Result<Step, SaslError>| {
            assert_eq!(result.expect_err("no such step").kind(), SaslErrorKind::Misuse);
        };
        misuse(GssapiExchange::new(Letters::default()).next(Some(b"")));
        misuse(established().next(None));
        let mut exchange = established();
        misuse(exchange.next(None));
        misuse(exchange.next(Some(b"s\x01\0\0\0")));
    }
}
