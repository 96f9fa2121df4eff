// Tries clients of KafkaJS: node log_in.js, one JSON object a line on standard input, with a `name`, the client's `config`
// and for how many `seconds` it is to send. Prints what became of each: its name, then `ok` or the error.
'use strict'
const { Kafka, logLevel } = require('kafkajs')
const { readFileSync } = require('fs')

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

async function outcome({ config, seconds }) {
  const kafka = new Kafka({ ...config, clientId: 'kafkajs', logLevel: logLevel.NOTHING, retry: { retries: 0 } })
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  try {
    await producer.connect()
    const end = Date.now() + seconds * 1000
    do {
      await producer.send({ topic: 'witness', acks: -1, messages: [{ value: 'kafkajs' }] })
      await sleep(50)
    } while (Date.now() < end)
    return 'ok'
  } catch (error) {
    return `${error.name}\t${error.message}`
  } finally {
    await producer.disconnect()
  }
}

async function main() {
  const lines = readFileSync(0, 'utf8').split('\n').filter(line => line !== '')
  const all = lines.map(line => JSON.parse(line))
  const outcomes = await Promise.all(all.map(outcome))
  all.forEach(({ name }, index) => console.log(`${name}\t${outcomes[index]}`))
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
