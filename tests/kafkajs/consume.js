// Reads records as a member of a group: node consume.js BOOTSTRAP_SERVERS TOPIC GROUP COUNT IDLE_MS. Prints each as a
// JSON object on a line, and ends, with what it read committed, after COUNT of them or when none came for IDLE_MS.
'use strict'
const { Kafka, logLevel } = require('kafkajs')

function text(buffer) {
  return buffer === null || buffer === undefined ? null : buffer.toString('utf8')
}

function headerPairs(headers) {
  return Object.entries(headers || {}).flatMap(([key, value]) =>
    Array.isArray(value) ? value.map(one => [key, text(one)]) : [[key, text(value)]])
}

async function main() {
  const [servers, topic, groupId, count, idle] = process.argv.slice(2)
  const kafka = new Kafka({ brokers: servers.split(','), clientId: 'kafkajs', logLevel: logLevel.ERROR })
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 300, maxWaitTimeInMs: 200, rebalanceTimeout: 10000 })
  const printed = []
  let finish
  const finished = new Promise(resolve => { finish = resolve })
  let timer = setTimeout(finish, Number(idle))
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary, heartbeat, isRunning, isStale }) => {
      for (const message of batch.messages) {
        if (!isRunning() || isStale() || printed.length >= Number(count)) break
        printed.push(JSON.stringify({
          partition: batch.partition,
          offset: Number(message.offset),
          timestamp: Number(message.timestamp),
          key: text(message.key),
          value: text(message.value),
          headers: headerPairs(message.headers),
        }))
        resolveOffset(message.offset)
      }
      clearTimeout(timer)
      timer = setTimeout(finish, printed.length >= Number(count) ? 0 : Number(idle))
      await commitOffsetsIfNecessary()
      await heartbeat()
    },
  })
  await finished
  await consumer.disconnect()
  process.stdout.write(printed.map(line => line + '\n').join(''))
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
