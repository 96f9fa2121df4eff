//! Where faults strike: a request before its handler sees it, and an answer before it is sent.

use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;

use super::armed::Fired;
use super::control::apply_control;
use super::held::{Held, Reply};
use super::{At, Ending, Fate, When};
use crate::api;
use crate::cluster::{Call, Cluster};
use crate::connection::{Action, CloseReason, ConnectionId, RequestId};
use crate::journal::JournalEvent;
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
        let correlation_id = self.correlation_id_of(call.id);
        self.note(|_| JournalEvent::RequestReceived {
            request: call.id.into(),
            node: call.node,
            client_id: call.client_id.to_string(),
            api: R::API_KEY,
            version: call.version,
            correlation_id,
            summary: request.summary(),
        });
        if self.armed_rules.is_empty() {
            return true;
        }
        let parts = request.parts(self, call);
        let Some((fate, fired)) = self.armed_rules.judge(call, R::API_KEY, &parts) else { return true };
        for Fired { rule_id, rule } in &fired {
            self.note(|_| JournalEvent::FaultFired {
                rule: *rule_id,
                request: Some(call.id.into()),
                api: Some(R::API_KEY),
                what: rule.clone(),
            });
        }
        let fate = Arc::new(fate);
        call.fate = Some(fate.clone());
        self.set_fate(call.id, fate.clone());
        for fired in &fired {
            apply_control(self, call.now, fired);
        }
        if self.fate_of(call.id).is_none() {
            // The node went down with its connections.
            return false;
        }
        if !fate.request_delay.is_zero() {
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
            Ending::Hang(When::BeforeApply) => self.mute(call.id.connection),
            Ending::Drop(When::BeforeApply) => self.end_without_answer(call.id),
            Ending::Close(When::BeforeApply) => self.close(call.id.connection, CloseReason::Fault),
            _ => return true,
        }
        false
    }

    /// Sends an answer as the request's fate will have it.
    pub(crate) fn answer(&mut self, request: RequestId, reply: Reply) {
        let by_rules = self.fate_of(request).map(|fate| fate.response_delay).unwrap_or_default();
        let delay = by_rules + self.failure_of(request).map(|failure| failure.delay).unwrap_or_default();
        if delay.is_zero() {
            return self.send(request, reply);
        }
        self.mark_answered(request);
        self.held_up.insert(request, Held::Response(reply), self.now.instant + delay);
    }

    fn send(&mut self, request: RequestId, reply: Reply) {
        let failure = self.failure_of(request).map(|failure| failure.reason.clone());
        let Some(current) = self.take_current(request) else { return };
        let connection = request.connection;
        let fate = current.fate.as_deref();
        match fate.map(|fate| fate.ending).unwrap_or_default() {
            Ending::Drop(_) => self.actions.push_back(Action::Proceed(connection)),
            Ending::Close(_) => self.close(connection, CloseReason::Fault),
            Ending::Cut(bytes) if bytes < reply.frame.total_len() => {
                self.note_sent(request, &reply, bytes);
                self.forget(connection, Some(&CloseReason::Fault));
                self.actions.push_back(Action::Cut(connection, reply.frame.into_bytes().slice(..bytes)));
            }
            Ending::Hang(_) => self.mute(connection),
            Ending::Answer | Ending::Cut(_) => {
                self.note_sent(request, &reply, reply.frame.total_len());
                if let Some(reason) = failure {
                    self.forget(connection, Some(&reason));
                    self.actions.push_back(Action::Cut(connection, reply.frame.into_bytes()));
                } else {
                    let frame = match fate {
                        Some(fate) => fate.rewrite(reply),
                        None => reply.frame,
                    };
                    self.actions.push_back(Action::Respond(connection, frame));
                    self.throttle(connection, fate);
                }
            }
        }
    }

    /// Reads nothing more from a connection for as long as rules want.
    fn throttle(&mut self, connection: ConnectionId, fate: Option<&Fate>) {
        if let Some(fate) = fate.filter(|fate| !fate.throttle.is_zero()) {
            self.held_up.pause(connection, self.now.instant + fate.throttle);
        }
    }

    /// Ends the connection of a request that has failed, after the delay of failures.
    pub(crate) fn end_later(&mut self, request: RequestId) {
        let Some(delay) = self.failure_of(request).map(|failure| failure.delay) else { return };
        if delay.is_zero() {
            return self.end(request);
        }
        self.mark_answered(request);
        self.held_up.insert(request, Held::End, self.now.instant + delay);
    }

    fn end(&mut self, request: RequestId) {
        let reason = self.failure_of(request).map(|failure| failure.reason.clone());
        self.close(request.connection, reason.unwrap_or(CloseReason::Fault));
    }

    fn note_sent(&mut self, request: RequestId, reply: &Reply, bytes: usize) {
        self.note(|_| JournalEvent::ResponseSent {
            request: request.into(),
            api: reply.api,
            version: reply.version,
            errors: reply.errors.clone(),
            bytes,
        });
    }

    /// The end of a request that wants no answer.
    pub(crate) fn end_without_answer(&mut self, request: RequestId) {
        let Some(current) = self.take_current(request) else { return };
        let fate = current.fate.as_deref();
        match fate.map(|fate| fate.ending).unwrap_or_default() {
            Ending::Close(_) => self.close(request.connection, CloseReason::Fault),
            Ending::Hang(_) => self.mute(request.connection),
            _ => {
                self.actions.push_back(Action::Proceed(request.connection));
                self.throttle(request.connection, fate);
            }
        }
    }

    /// Takes up what has waited long enough.
    pub(crate) fn release_held_up(&mut self) {
        while let Some(connection) = self.held_up.pop_resumed(self.now.instant) {
            self.read_on(connection);
        }
        while let Some((request, held)) = self.held_up.pop_due(self.now.instant) {
            match held {
                Held::Response(reply) => self.send(request, reply),
                Held::End => self.end(request),
                Held::Request(mut call, api_key, body) => {
                    call.now = self.now;
                    api::dispatch(self, call, api_key, &body);
                }
            }
        }
    }
}
