//! Where faults strike: a request before its handler sees it, and an answer before it is sent.

use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::frame::FrameBuf;

use super::held::Held;
use super::{At, Ending, Fate, When};
use crate::api;
use crate::cluster::{Call, Cluster};
use crate::connection::{Action, CloseReason, RequestId};
use crate::subject::About;

impl Call {
    /// Refuses a part of the request if a rule wants it refused before it is applied.
    pub(crate) fn fault(&self, at: At<'_>) -> Result<(), ErrorCode> {
        self.fate.as_ref().and_then(|fate| fate.error(When::BeforeApply, at)).map_or(Ok(()), Err)
    }

    /// The same for a part that has been applied.
    pub(crate) fn fault_after(&self, at: At<'_>) -> Result<(), ErrorCode> {
        self.fate.as_ref().and_then(|fate| fate.error(When::AfterApply, at)).map_or(Ok(()), Err)
    }

    /// The same for a part that is only read: both sides of its effect are one.
    pub(crate) fn fault_of_read(&self, at: At<'_>) -> Result<(), ErrorCode> {
        self.fault(at)?;
        self.fault_after(at)
    }
}

impl Cluster {
    /// Asks the rules what becomes of a request. `false`: its handler is not to see it, or not yet.
    pub(crate) fn admit<R: About>(&mut self, call: &mut Call, body: &Bytes, request: &R) -> bool {
        // One that a rule delayed has been judged already.
        if let Some(fate) = call.fate.clone() {
            return self.let_through(call, &fate);
        }
        if self.armed_rules.is_empty() {
            return true;
        }
        let parts = request.parts(self, call);
        let Some((fate, _)) = self.armed_rules.judge(call, R::API_KEY, &parts) else { return true };
        let fate = Arc::new(fate);
        call.fate = Some(fate.clone());
        self.set_fate(call.id, fate.clone());
        if fate.ending != Ending::Hang && !fate.request_delay.is_zero() {
            let until = call.now.instant + fate.request_delay;
            // A copy: what is read ahead of the request must not stay in memory with it.
            let body = Bytes::copy_from_slice(body);
            self.held_up.insert(call.id, Held::Request(call.clone(), R::API_KEY, body), until);
            return false;
        }
        self.let_through(call, &fate)
    }

    fn let_through(&mut self, call: &Call, fate: &Fate) -> bool {
        match fate.ending {
            Ending::Hang => self.mute(call.id.connection),
            Ending::Drop(When::BeforeApply) => self.end_without_answer(call.id),
            Ending::Close(When::BeforeApply) => self.close(call.id.connection, CloseReason::Fault),
            _ => return true,
        }
        false
    }

    /// Sends an answer as the request's fate will have it.
    pub(crate) fn answer(&mut self, request: RequestId, frame: FrameBuf) {
        let delay = self.fate_of(request).map(|fate| fate.response_delay).unwrap_or_default();
        if delay.is_zero() {
            return self.send(request, frame);
        }
        self.mark_answered(request);
        self.held_up.insert(request, Held::Response(frame), self.now.instant + delay);
    }

    fn send(&mut self, request: RequestId, frame: FrameBuf) {
        let Some(current) = self.take_current(request) else { return };
        let connection = request.connection;
        match current.fate.map(|fate| fate.ending).unwrap_or_default() {
            Ending::Drop(_) => self.actions.push_back(Action::Proceed(connection)),
            Ending::Close(_) => self.close(connection, CloseReason::Fault),
            Ending::Cut(bytes) if bytes < frame.total_len() => {
                self.disconnect(connection);
                self.actions.push_back(Action::Cut(connection, frame.into_bytes().slice(..bytes)));
            }
            Ending::Answer | Ending::Cut(_) | Ending::Hang => {
                self.actions.push_back(Action::Respond(connection, frame));
            }
        }
    }

    /// The end of a request that wants no answer.
    pub(crate) fn end_without_answer(&mut self, request: RequestId) {
        let Some(current) = self.take_current(request) else { return };
        match current.fate.map(|fate| fate.ending).unwrap_or_default() {
            Ending::Close(_) => self.close(request.connection, CloseReason::Fault),
            _ => self.actions.push_back(Action::Proceed(request.connection)),
        }
    }

    /// Takes up what has waited long enough.
    pub(crate) fn release_held_up(&mut self) {
        while let Some((request, held)) = self.held_up.pop_due(self.now.instant) {
            match held {
                Held::Response(frame) => self.send(request, frame),
                Held::Request(mut call, api_key, body) => {
                    call.now = self.now;
                    api::dispatch(self, call, api_key, &body);
                }
            }
        }
    }
}
