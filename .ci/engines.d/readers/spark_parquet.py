"""Spark, here in this process."""

import pyspark
from pyspark.sql import SparkSession

import dataset

NAME, DIALECT = "Spark (PySpark)", "spark"


def version():
    return pyspark.__version__


class Reader:
    def __init__(self, folder, scratch):
        self.spark = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.warehouse.dir", f"{scratch}/warehouse")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.log.level", "ERROR")
            .getOrCreate()
        )
        for table in dataset.tables(folder):
            self.spark.read.option("recursiveFileLookup", "true").parquet(f"{folder}/{table}").createOrReplaceTempView(table)

    def table(self, name):
        return self.spark.table(name).toArrow()

    def ask(self, sql):
        answer = self.spark.sql(sql)
        return answer.columns, [tuple(row) for row in answer.collect()]

    def close(self):
        self.spark.stop()
