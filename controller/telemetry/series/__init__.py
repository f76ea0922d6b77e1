"""What queues did, in memory: a minute by milliseconds, a day by seconds, and films for incidents."""

from p4fabric.controller.telemetry.series.film import Film, FilmBin
from p4fabric.controller.telemetry.series.points import Known, Point
from p4fabric.controller.telemetry.series.queue_series import QueueSeries
from p4fabric.controller.telemetry.series.recorder import LastSecond, SeriesRecorder

__all__ = ["Film", "FilmBin", "Known", "LastSecond", "Point", "QueueSeries", "SeriesRecorder"]
