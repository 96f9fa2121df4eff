// Sends records: node produce.js BOOTSTRAP_SERVERS TOPIC none|gzip, one JSON object a line on standard input.
'use strict'
const { Kafka, CompressionTypes, Partitioners, logLevel } = require('kafkajs')
const { readFileSync } = require('fs')

const RECORDS_A_REQUEST = 500

// Headers come as pairs; KafkaJS wants an object, with an array where a name comes several times.
function message(line) {
  const record = JSON.parse(line)
  const headers = {}
  for (const [key, value] of record.headers) {
    headers[key] = [...(headers[key] || []), value]
  }
  return { ...record, headers }
}

async function main() {
  const [servers, topic, compression] = process.argv.slice(2)
  const lines = readFileSync(0, 'utf8').split('\n').filter(line => line !== '')
  const messages = lines.map(message)
  const kafka = new Kafka({ brokers: servers.split(','), clientId: 'kafkajs', logLevel: logLevel.ERROR })
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
    idempotent: true,
  })
  await producer.connect()
  for (let from = 0; from < messages.length; from += RECORDS_A_REQUEST) {
    await producer.send({
      topic,
      acks: -1,
      compression: compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None,
      messages: messages.slice(from, from + RECORDS_A_REQUEST),
    })
  }
  await producer.disconnect()
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
