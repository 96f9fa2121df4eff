// Apache Kafka's own clients on every way into a secured broker: takes a plaintext address and a folder of client
// configurations, one a file, and prints what became of each: its name, then `ok` or an exception and its message.
import java.nio.file.*;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

public class Witness {
    static final String TOPIC = "witness";

    public static void main(String[] arguments) throws Exception {
        try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", arguments[0]))) {
            if (!admin.listTopics().names().get().contains(TOPIC)) {
                admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1))).all().get();
            }
        }
        List<Path> files;
        try (Stream<Path> list = Files.list(Path.of(arguments[1]))) {
            files = list.sorted().collect(Collectors.toList());
        }
        ExecutorService pool = Executors.newFixedThreadPool(6);
        List<Future<String>> outcomes = new ArrayList<>();
        for (Path file : files) outcomes.add(pool.submit(() -> outcome(file)));
        for (int i = 0; i < files.size(); i++) {
            System.out.println(files.get(i).getFileName() + "\t" + outcomes.get(i).get());
        }
        pool.shutdown();
    }

    static String outcome(Path file) {
        try {
            Properties properties = new Properties();
            try (var reader = Files.newBufferedReader(file)) {
                properties.load(reader);
            }
            properties.put("default.api.timeout.ms", "15000");
            properties.put("request.timeout.ms", "10000");
            long seconds = Long.parseLong(properties.getProperty("witness.seconds", "0"));
            properties.remove("witness.seconds");
            try (Admin admin = Admin.create(properties)) {
                admin.describeCluster().nodes().get();
            }
            readBack(properties, file.getFileName().toString(), seconds);
            return "ok";
        } catch (Throwable error) {
            // Which kind by the outermost exception that says something, why by the innermost.
            while (error.getCause() != null
                    && (error instanceof ExecutionException || error.getClass() == KafkaException.class)) {
                error = error.getCause();
            }
            String kind = error.getClass().getSimpleName();
            while (error.getCause() != null) error = error.getCause();
            return kind + "\t" + String.valueOf(error.getMessage()).lines().findFirst().orElse("");
        }
    }

    // Writes for that long, at least one record, and reads the last one again.
    static void readBack(Properties properties, String value, long seconds) throws Exception {
        RecordMetadata last;
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        try (var producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
            do {
                last = producer.send(new ProducerRecord<>(TOPIC, value)).get();
                Thread.sleep(seconds == 0 ? 0 : 100);
            } while (System.nanoTime() < end);
        }
        TopicPartition partition = new TopicPartition(TOPIC, 0);
        try (var consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, last.offset());
            for (int attempt = 0; attempt < 10; attempt++) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    if (record.offset() == last.offset() && record.value().equals(value)) return;
                    throw new IllegalStateException("read another record: " + record);
                }
            }
            throw new IllegalStateException("the record does not come back");
        }
    }
}
