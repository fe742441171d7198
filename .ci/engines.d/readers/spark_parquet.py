"""Spark, here in this process."""

import pyspark
from pyspark.sql import SparkSession

import dataset

NAME, DIALECT = "Spark (PySpark)", "spark"


def version():
    return pyspark.__version__


def session(scratch):
    """Spark in this process, with what would only be in the way of a test switched off."""
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.log.level": "ERROR",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": f"{scratch}/warehouse",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    return SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()


class Reader:
    def __init__(self, folder, scratch):
        self.spark = session(scratch)
        for table in dataset.tables(folder):
            self.spark.read.option("recursiveFileLookup", "true").parquet(f"{folder}/{table}").createOrReplaceTempView(table)

    def table(self, name):
        return self.spark.table(name).toArrow()

    def ask(self, sql):
        answer = self.spark.sql(sql)
        return answer.columns, [tuple(row) for row in answer.collect()]
