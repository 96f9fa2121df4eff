//! The messages of the quickstart, where they went, and whether they came back.

use std::collections::BTreeMap;

/// Orders at a café: messages with the same key go to the same partition, and stay in order.
const CUSTOMERS: [&str; 4] = ["alice", "bob", "carol", "dave"];
const ITEMS: [&str; 3] = ["2 coffees", "1 pot of tea", "3 cinnamon rolls"];

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub customer: &'static str,
    pub text: String,
}

/// Every customer orders everything.
pub fn orders() -> Vec<Order> {
    let all = ITEMS.iter().flat_map(|item| CUSTOMERS.iter().map(move |customer| (customer, item)));
    all.zip(1..).map(|((customer, item), n)| Order { customer, text: format!("order {n}: {item}") }).collect()
}

/// Messages that were sent, by partition and offset.
#[derive(Debug, Default)]
pub struct Sent {
    orders: BTreeMap<(i32, i64), Order>,
    /// The next offset to come back, by partition.
    returned: BTreeMap<i32, i64>,
    returned_count: usize,
}

impl Sent {
    /// An order was acknowledged.
    pub fn add(&mut self, partition: i32, offset: i64, order: Order) {
        self.orders.insert((partition, offset), order);
    }

    /// How many were sent.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// How many came back.
    pub fn returned(&self) -> usize {
        self.returned_count
    }

    /// By partition: the first and last offset, and whose orders are there.
    pub fn by_partition(&self) -> BTreeMap<i32, (i64, i64, Vec<&'static str>)> {
        let mut partitions = BTreeMap::new();
        for ((partition, offset), order) in &self.orders {
            let row = partitions.entry(*partition).or_insert_with(|| (*offset, *offset, Vec::new()));
            row.1 = *offset;
            if !row.2.contains(&order.customer) {
                row.2.push(order.customer);
            }
        }
        partitions
    }

    /// A message came back: the order that it is.
    ///
    /// # Errors
    /// It is not what was sent, or not in its turn.
    pub fn on_returned(
        &mut self,
        partition: i32,
        offset: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> anyhow::Result<&Order> {
        let place = format!("partition {partition}, offset {offset}");
        let Some(order) = self.orders.get(&(partition, offset)) else {
            anyhow::bail!("a message came that was not sent: {place}");
        };
        if key != Some(order.customer.as_bytes()) || value != Some(order.text.as_bytes()) {
            anyhow::bail!("a message came back changed: {place}");
        }
        let first = self.orders.range((partition, 0)..).next().map_or(0, |((_, first), _)| *first);
        let next = self.returned.entry(partition).or_insert(first);
        if *next != offset {
            anyhow::bail!("a message came out of turn: {place} instead of offset {next}");
        }
        *next += 1;
        self.returned_count += 1;
        Ok(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> Sent {
        let mut sent = Sent::default();
        for (order, offset) in orders().into_iter().zip(5..) {
            sent.add(1, offset, order);
        }
        sent
    }

    #[test]
    fn what_comes_back_in_order_counts() {
        let mut sent = sent();
        for (order, offset) in orders().iter().zip(5..) {
            let (key, value) = (order.customer.as_bytes(), order.text.as_bytes());
            assert_eq!(sent.on_returned(1, offset, Some(key), Some(value)).expect("as sent"), order);
        }
        assert_eq!((sent.returned(), sent.len()), (12, 12));
        assert_eq!(sent.by_partition()[&1], (5, 16, CUSTOMERS.to_vec()));
    }

    #[test]
    fn what_is_not_as_it_was_sent_is_an_error() {
        let first = &orders()[0];
        let (key, value) = (Some(first.customer.as_bytes()), Some(first.text.as_bytes()));
        let check = |partition, offset, key, value, expected: &str| {
            let error = sent().on_returned(partition, offset, key, value).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(0, 5, key, value, "not sent");
        check(1, 17, key, value, "not sent");
        check(1, 5, None, value, "changed");
        check(1, 5, key, Some(b"x"), "changed");
        let second = &orders()[1];
        let (key, value) = (Some(second.customer.as_bytes()), Some(second.text.as_bytes()));
        check(1, 6, key, value, "out of turn");
    }

    #[test]
    fn a_message_that_comes_twice_is_an_error() {
        let (mut sent, first) = (sent(), &orders()[0]);
        let mut again = || {
            let result = sent.on_returned(1, 5, Some(first.customer.as_bytes()), Some(first.text.as_bytes()));
            result.map(|_| ())
        };
        again().expect("as sent");
        assert!(again().is_err());
    }
}
