//! Names and ids, each a type of its own: the specs' `entityType`s.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use super::Str;

/// A newtype over [`Str`], for the code that reads and writes all of them alike.
pub(crate) trait Name: From<Str> {
    fn as_text(&self) -> &Str;
    fn as_text_mut(&mut self) -> &mut Str;
    fn into_text(self) -> Str;
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Str);

        impl $name {
            /// A name that lives as long as the program; allocates nothing.
            pub const fn from_static(text: &'static str) -> Self {
                Self(Str::from_static(text))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// A copy that shares no memory with a frame.
            #[must_use]
            pub fn detach(&self) -> Self {
                Self(self.0.detach())
            }
        }

        impl Name for $name {
            fn as_text(&self) -> &Str {
                &self.0
            }

            fn as_text_mut(&mut self) -> &mut Str {
                &mut self.0
            }

            fn into_text(self) -> Str {
                self.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<Str> for $name {
            fn from(text: Str) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name! {
    /// The name of a topic: 1 to 249 characters of `a-z A-Z 0-9 . _ -` where a broker made it; not checked here.
    TopicName
}

name! {
    /// The name of a consumer, share or streams group.
    GroupId
}

name! {
    /// The name under which a producer's transactions survive its restarts.
    TransactionalId
}

/// A broker's or controller's id (`node.id`); -1 means none.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub i32);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A producer's id as the cluster gave it; -1 means none.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProducerId(pub i64);

impl fmt::Display for ProducerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
