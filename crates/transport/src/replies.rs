//! Who is to be told what becomes of which request. Requests complete nearly in their order, so a queue finds them at
//! once.

use std::collections::VecDeque;

use ottla_core::request::Token;

/// Replies by token; tokens count up.
#[derive(Debug)]
pub(crate) struct Replies<T> {
    /// The token of the first in the queue.
    first: u64,
    replies: VecDeque<Option<T>>,
}

impl<T> Default for Replies<T> {
    fn default() -> Self {
        Self { first: 0, replies: VecDeque::new() }
    }
}

impl<T> Replies<T> {
    pub(crate) fn add(&mut self, reply: T) -> Token {
        let token = Token(self.first + self.replies.len() as u64);
        self.replies.push_back(Some(reply));
        token
    }

    pub(crate) fn take(&mut self, token: Token) -> Option<T> {
        let at = usize::try_from(token.0.checked_sub(self.first)?).ok()?;
        let reply = self.replies.get_mut(at)?.take();
        while let Some(None) = self.replies.front() {
            self.replies.pop_front();
            self.first += 1;
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_taken_once_in_any_order() {
        let mut replies = Replies::default();
        let tokens: Vec<Token> = (0..6).map(|n| replies.add(n)).collect();
        for at in [2, 0, 1, 5, 3, 4] {
            assert_eq!(replies.take(tokens[at]), Some(at));
            assert_eq!(replies.take(tokens[at]), None);
        }
        assert!(replies.replies.is_empty());
        let next = replies.add(6);
        assert_eq!((next, replies.take(next)), (Token(6), Some(6)));
        assert_eq!(replies.take(Token(u64::MAX)), None);
    }
}
